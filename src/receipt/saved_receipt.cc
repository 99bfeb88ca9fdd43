#include "receipt/saved_receipt.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "load/json_file.h"

namespace verbatim {
namespace {

// nullptr: not there
const Json* child(const Json* json, const char* key) {
  if (json == nullptr || !json->is_object()) return nullptr;
  auto found = json->find(key);
  return found == json->end() ? nullptr : &*found;
}

const Json* first(const Json* json) {
  return json == nullptr || !json->is_array() || json->empty() ? nullptr : &json->front();
}

template <class T>
std::optional<T> value_of(const Json* json, bool (Json::*is)() const noexcept) {
  return json != nullptr && (json->*is)() ? std::optional(json->get<T>()) : std::nullopt;
}

std::optional<std::string> string_of(const Json* json) {
  return value_of<std::string>(json, &Json::is_string);
}

std::optional<std::vector<std::int32_t>> tokens_of(const Json* json) {
  if (json == nullptr || !json->is_array()) return {};
  auto is_id = [](const Json& id) { return id.is_number_integer(); };
  if (!std::ranges::all_of(*json, is_id)) return std::vector<std::int32_t>{-1};  // equal to no answer
  return json->get<std::vector<std::int32_t>>();
}

// What a whole response's choice (or a response itself, of /v1/responses) shows beside its receipt.
void take_shown(const Json& choice, SavedReceipt& saved) {
  saved.shown_reason = string_of(child(&choice, "finish_reason"));
  saved.shown_tokens = tokens_of(child(&choice, "token_ids"));
  if (const Json* message = child(&choice, "message")) {
    const Json* calls = child(message, "tool_calls");
    if (first(calls) == nullptr) saved.shown_text = string_of(child(message, "content"));
  } else if (const Json* output = child(&choice, "output")) {
    saved.shown_text = string_of(child(first(child(first(output), "content")), "text"));
  } else {
    saved.shown_text = string_of(child(&choice, "text"));
    saved.text_may_have_more_before = true;
  }
}

bool is_receipt(const Json& json) {
  auto format = string_of(child(&json, "format"));
  return format && format->starts_with("verbatim-receipt");
}

// whole: inside of a whole response, not an event of a stream.
void find(const Json& json, const std::string& where, bool whole, std::vector<SavedReceipt>& found) {
  if (!json.is_structured()) return;
  if (is_receipt(json)) {
    found.push_back({where, read_receipt(json, where), {}, false, {}, {}});
    return;
  }
  const Json* usage = child(&json, "usage");  // in a stream null, or alone
  whole = whole || (usage != nullptr && usage->is_object());
  for (const auto& [key, value] : json.items()) {
    const std::size_t before = found.size();
    find(value, fmt::format("{}{}{}", where, where.find(' ') == where.npos ? " " : "/", key), whole, found);
    if (whole && key == "receipt" && is_receipt(value) && found.size() == before + 1)
      take_shown(json, found.back());
  }
}

// A file of lines: JSON values, or a stream of events.
Result<std::vector<SavedReceipt>> find_in_lines(std::string_view text, const std::string& file,
                                                const Error& not_one_value) {
  std::vector<SavedReceipt> found;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    constexpr std::string_view kEvent = "data:";
    const bool event = one.starts_with(kEvent);
    if (event) one.remove_prefix(kEvent.size());
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\r')) one.remove_suffix(1);
    if (!one.starts_with('{')) {  // "id: ...", "[DONE]", an empty line
      if (line == 1 && !event && !one.starts_with("id:") && !one.starts_with(':') && !one.empty() &&
          !one.starts_with("event:"))
        return not_one_value;
      continue;
    }
    const std::string where = fmt::format("{}:{}", file, line);
    auto json = parse_json(one, where);
    if (!json) return line == 1 ? not_one_value : json.error();
    find(*json, where, false, found);
  }
  return found;
}

}  // namespace

Result<std::vector<SavedReceipt>> find_receipts(std::string_view text, const std::string& where) {
  std::vector<SavedReceipt> found;
  if (auto json = parse_json(text, where)) {
    find(*json, where, false, found);
  } else {
    auto lines = find_in_lines(text, where, json.error());
    if (!lines) return lines.error();
    found = *std::move(lines);
  }
  if (found.empty())
    return fail("{}: holds no receipt; ask for one with \"receipt\": true, or verbatim run --receipt FILE",
                where);
  return found;
}

}  // namespace verbatim
