#include "jinja/json_text.h"

#include <algorithm>
#include <cmath>

#include "jinja/compare.h"
#include "jinja/heap.h"
#include "jinja/number_text.h"
#include "jinja/repr.h"
#include "jinja/text.h"

namespace verbatim::jinja {
namespace {

std::string number_text(const Value& value, Heap& heap) {
  const auto real = value.real();
  if (!real) return str(value, heap);
  if (std::isnan(*real)) return "NaN";
  if (std::isinf(*real)) return *real < 0 ? "-Infinity" : "Infinity";
  return float_repr(*real);
}

void write_text(std::string_view text, bool ensure_ascii, std::string& out) {
  constexpr std::string_view kEscaped = "\"\\\n\r\t\f\b", kLetters = "\"\\nrtfb";
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<std::uint32_t>(character_at(text, at));
    const std::size_t end = next_character(text, at);
    const std::size_t escape = c < 0x80 ? kEscaped.find(static_cast<char>(c)) : std::string_view::npos;
    if (escape != std::string_view::npos) {
      out += {'\\', kLetters[escape]};
    } else if (c < 0x20 || (ensure_ascii && c > 0x7E && c < 0x10000)) {
      out += fmt::format("\\u{:04x}", c);
    } else if (ensure_ascii && c >= 0x10000) {
      out +=
          fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + ((c - 0x10000) & 0x3FF));
    } else {
      out += text.substr(at, end - at);
    }
    at = end;
  }
  out += '"';
}

class Writer {
 public:
  Writer(const JsonStyle& style, Heap& heap) : style_(style), heap_(heap) {}

  void write(const Value& value) {
    heap_.step();
    if (const Text* text = value.text()) {
      heap_.read(text->bytes.size());
      heap_.require_room(1, out.size() + text->bytes.size());
      write_text(text->bytes, style_.ensure_ascii, out);
    } else if (const List* list = value.list()) {
      write_all("[]", list->items.size(), [&](std::size_t i) { write(list->items[i]); });
    } else if (value.dict()) {
      write_dict(*value.dict());
    } else if (value.is_none()) {
      out += "null";
    } else if (auto boolean = value.boolean()) {
      out += *boolean ? "true" : "false";
    } else if (value.is_int() || value.is_float()) {
      out += number_text(value, heap_);
    } else {
      raise("Object of type {} is not JSON serializable", value.type_name());
    }
  }

  std::string out;

 private:
  template <class WriteItem>
  void write_all(const char* brackets, std::size_t count, WriteItem write_item) {
    out += brackets[0];
    ++level_;
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) append(style_.item_separator);
      new_line();
      write_item(i);
    }
    --level_;
    if (count > 0) new_line();
    out += brackets[1];
  }

  void write_dict(const Dict& dict) {
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(),
                       [&](auto* a, auto* b) { return less(a->first, b->first, heap_); });
    }
    write_all("{}", entries.size(), [&](std::size_t i) {
      write_key(entries[i]->first);
      append(style_.key_separator);
      write(entries[i]->second);
    });
  }

  void write_key(const Value& key) {
    if (key.text()) return write(key);
    if (key.list() || key.object() || key.is_undefined())
      raise("keys must be str, int, float, bool or None, not {}", key.type_name());
    out += '"';
    write(key);
    out += '"';
  }

  void new_line() {
    if (!style_.indent) return;
    append("\n");
    for (int i = 0; i < level_; ++i) append(*style_.indent);
  }

  void append(std::string_view text) {
    heap_.read(text.size());
    heap_.require_room(1, out.size() + text.size());
    out += text;
  }

  const JsonStyle& style_;
  Heap& heap_;
  int level_ = 0;
};

}  // namespace

std::string to_json(const Value& value, const JsonStyle& style, Heap& heap) {
  Writer writer(style, heap);
  writer.write(value);
  return std::move(writer.out);
}

}  // namespace verbatim::jinja
