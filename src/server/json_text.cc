#include "server/json_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/utf8.h"
#include "json/reader.h"

namespace verbatim::server {
namespace {

std::string_view escape_of(char c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return {};
  }
}

bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

void append_escaped(std::string& out, std::string_view text) {
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!needs_escape(text[i])) continue;
    out.append(text.substr(from, i - from));
    from = i + 1;
    std::string_view escape = escape_of(text[i]);
    escape.empty() ? void(fmt::format_to(std::back_inserter(out), "\\u{:04x}", text[i]))
                   : void(out.append(escape));
  }
  out.append(text.substr(from));
}

template <class Number>
void append_number(std::string& out, Number value) {
  std::array<char, 32> digits;
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

template <class Numbers>
void append_list(std::string& out, const Numbers& numbers) {
  out += '[';
  bool first = true;
  for (auto number : numbers) {
    if (!first) out += ',';
    first = false;
    append_number(out, static_cast<std::int32_t>(number));
  }
  out += ']';
}

}  // namespace

bool is_whole(const OrderedJson& value) {
  if (value.is_number_integer()) return true;
  return value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>();
}

std::optional<std::int64_t> whole_number(const OrderedJson& value) {
  if (!is_whole(value)) return {};
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return std::in_range<std::int64_t>(number) ? std::optional(static_cast<std::int64_t>(number))
                                               : std::nullopt;
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  const auto number = value.get<double>();
  return std::abs(number) < 0x1p63 ? std::optional(static_cast<std::int64_t>(number)) : std::nullopt;
}

Result<OrderedJson> parse_body(std::string_view body) {
  constexpr std::size_t kMostValues = 1'000'000;
  auto tree = parse_ordered_json(body, "the body is not valid JSON", {.values = kMostValues});
  if (tree && !tree->is_object())
    return fail("the body is {}, not a JSON object such as {{\"model\": ...}}", shown(*tree));
  return tree;
}

std::string shown(const OrderedJson& value) {
  if (value.is_array() && value.size() > 8) return fmt::format("an array of {}", value.size());
  std::string text = value.dump(-1, ' ', true, OrderedJson::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  well_formed_bytes(text, 0) == text.size() ? append_escaped(out, text)
                                            : append_escaped(out, replace_ill_formed(text));
  out += '"';
}

void append_json_number(std::string& out, float value) { append_number(out, value); }
void append_json_number(std::string& out, std::int64_t value) { append_number(out, value); }
void append_json_ids(std::string& out, std::span<const std::int32_t> ids) { append_list(out, ids); }

void append_json_bytes(std::string& out, std::string_view bytes) {
  append_list(out, std::span(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace verbatim::server
