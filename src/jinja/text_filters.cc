// The filters that make text of a value.
#include <algorithm>

#include "jinja/builtin.h"
#include "jinja/compare.h"
#include "jinja/format.h"
#include "jinja/json_text.h"
#include "jinja/operators.h"
#include "jinja/repr.h"
#include "jinja/text.h"

namespace verbatim::jinja {
namespace {

bool is_markup(const Value& value) { return value.text() && value.text()->markup; }

// The filtered value as text, with what makes it Markup kept.
template <std::string (*change)(std::string_view)>
Value rewritten(const Call& call) {
  const std::string text = str(call.self, call.heap());
  call.heap().require_room(8, text.size());
  return call.heap().text(change(text), is_markup(call.self));
}

// The method of str of that name, of the filtered value as text.
Value text_method(const Call& call, std::string_view name, std::vector<Value> arguments) {
  const Value text = call.self.text() ? call.self : call.heap().text(str(call.self, call.heap()));
  return invoke(call.runtime, *find_builtin(text_methods(), name), text, {std::move(arguments), {}});
}

std::string title_words(std::string_view text) {
  std::string out;
  bool begins = true;
  for (std::size_t at = 0; at < text.size();) {
    auto separates = [&](std::size_t i) {
      return std::string_view("-({[<").find(text[i]) != std::string_view::npos ||
             is_space(character_at(text, i));
    };
    std::size_t end = at;
    const bool word = !separates(at);
    while (end < text.size() && separates(end) != word) end = next_character(text, end);
    const std::size_t first = begins && word ? next_character(text, at) : at;
    out += upper(text.substr(at, first - at));
    out += lower(text.substr(first, end - first));
    at = end;
  }
  return out;
}

Value trim(const Call& call) { return text_method(call, "strip", {call.args[0].value_or(Value())}); }
Value center(const Call& call) { return text_method(call, "center", {call.integer(0, 80)}); }

Value replace(const Call& call) {
  const Value self = call.heap().text(str(call.self, call.heap()));
  const Value old = call.heap().text(str(call[0], call.heap())),
              with = call.heap().text(str(call[1], call.heap()));
  return invoke(call.runtime, *find_builtin(text_methods(), "replace"), self,
                {{old, with, call.integer(2, -1)}, {}});
}

Value string(const Call& call) {
  return call.self.text() ? call.self : call.heap().text(str(call.self, call.heap()));
}

Value safe(const Call& call) { return call.heap().text(str(call.self, call.heap()), true); }
Value escape(const Call& call) { return escaped(call.self, call.heap()); }
Value forceescape(const Call& call) {
  return escaped(call.heap().text(str(call.self, call.heap())), call.heap());
}

Value indent(const Call& call) {
  if (!call.self.text()) raise("indent needs text, not {}", call.self.require_defined().type_name());
  Heap& heap = call.heap();
  const Value width = call.args[0].value_or(Value(std::int64_t{4}));
  const Value indention = width.text() ? width : apply(BinaryOp::multiply, heap.text(" "), width, heap);
  const std::string& space = indention.text()->bytes;
  const bool first = call.truth(1, false), blank = call.truth(2, false);
  const std::string text = call.self.text()->bytes + "\n";  // so that a last empty line is one
  std::string out = first ? space : "";
  bool later = false;
  for (std::string_view line : split_lines(text)) {
    heap.read(space.size() + line.size());
    heap.require_room(1, out.size() + space.size() + line.size());
    if (later) out += '\n';
    if (later && (blank || !line.empty())) out += space;
    out += line;
    later = true;
  }
  return heap.text(std::move(out), is_markup(call.self));
}

Value truncate(const Call& call) {
  if (call.self.is_undefined()) return call.self;
  if (!call.self.text()) raise("truncate needs text, not {}", call.self.type_name());
  const Text& text = *call.self.text();
  const std::int64_t size = call.integer(0, 255), leeway = call.integer(3, 5);
  const std::string end = call.text(2, "...");
  const std::int64_t kept = size - count_characters(end);
  if (kept < 0) raise("expected length >= {}, got {}", count_characters(end), size);
  if (leeway < 0) raise("expected leeway >= 0, got {}", leeway);
  if (text.characters - leeway <= size) return call.self;
  std::string cut = text.bytes.substr(0, byte_offset(text.bytes, kept));
  if (!call.truth(1, false)) cut.resize(std::min(cut.rfind(' '), cut.size()));
  return call.heap().text(cut + end, text.markup);
}

Value wordcount(const Call& call) {
  const std::string text = str(call.self, call.heap());
  call.heap().read(text.size());
  std::int64_t words = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size(); at = next_character(text, at)) {
    const bool word = is_word(character_at(text, at));
    words += word && !inside;
    inside = word;
  }
  return words;
}

Value percent_formatted(const Call& call) {
  if (!call.rest.empty() && !call.named.empty())
    raise("can't handle positional and keyword arguments at the same time");
  std::vector<Dict::Entry> entries;
  for (const auto& [key, value] : call.named) entries.emplace_back(call.heap().text(key), value);
  const Value values = entries.empty() ? call.heap().tuple(call.rest) : call.heap().dict(std::move(entries));
  return apply(BinaryOp::modulo, string(call), values, call.heap());
}

std::string percent_encoded(std::string_view text, bool query) {
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        byte < 0x80 && (std::isalnum(byte) || std::string_view("_.-~").find(c) != std::string_view::npos);
    if (plain || (c == '/' && !query)) {
      out += c;
    } else {
      out += query && c == ' ' ? "+" : fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

Value urlencode(const Call& call) {
  Heap& heap = call.heap();
  auto encoded = [&](const Value& value, bool query) {
    const std::string text = str(value, heap);
    heap.require_room(3, text.size());
    return percent_encoded(text, query);
  };
  const Value source = call.self.dict()
                           ? invoke(call.runtime, *find_builtin(dict_methods(), "items"), call.self, {})
                           : call.self;
  if (source.text() || !try_iterate(source, heap)) return heap.text(encoded(source, false));
  std::string out;
  for (const Value& pair : items_of(source, heap)) {
    const std::vector<Value> parts = items_of(pair, heap);
    if (parts.size() != 2) raise("urlencode needs pairs");
    out += (out.empty() ? "" : "&") + encoded(parts[0], true) + "=" + encoded(parts[1], true);
    heap.require_room(1, out.size());
  }
  return heap.text(std::move(out));
}

// Hugging Face's tojson: json.dumps, not Jinja's filter for HTML.
Value tojson(const Call& call) {
  Heap& heap = call.heap();
  JsonStyle style;
  style.ensure_ascii = call.truth(0, false);
  if (call.given(1)) {
    const Value& indent = call[1];
    const std::int64_t width = indent.text() ? 0 : call.integer(1);
    heap.require_room(width, 1);
    style.indent = indent.text()
                       ? indent.text()->bytes
                       : std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
    style.item_separator = ",";
  }
  if (call.given(2)) {
    const std::vector<Value> separators = items_of(call[2], heap);
    if (separators.size() != 2 || !separators[0].text() || !separators[1].text())
      raise("tojson: separators must be two texts");
    style.item_separator = separators[0].text()->bytes;
    style.key_separator = separators[1].text()->bytes;
  }
  style.sort_keys = call.truth(3, false);
  return heap.text(to_json(call.self, style, heap));
}

constexpr Builtin kTextFilters[] = {
    {"capitalize", "", rewritten<capitalize>},
    {"center", "width?", center},
    {"e", "", escape},
    {"escape", "", escape},
    {"forceescape", "", forceescape},
    {"format", "* **", percent_formatted},
    {"indent", "width? first? blank?", indent},
    {"lower", "", rewritten<lower>},
    {"replace", "old new count?", replace},
    {"safe", "", safe},
    {"string", "", string},
    {"title", "", rewritten<title_words>},
    {"tojson", "ensure_ascii? indent? separators? sort_keys?", tojson},
    {"trim", "chars?", trim},
    {"truncate", "length? killwords? end? leeway?", truncate},
    {"upper", "", rewritten<upper>},
    {"urlencode", "", urlencode},
    {"wordcount", "", wordcount},
};

}  // namespace

std::span<const Builtin> text_filters() { return kTextFilters; }

}  // namespace verbatim::jinja
