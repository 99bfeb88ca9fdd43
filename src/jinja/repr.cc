#include "jinja/repr.h"

#include "base/utf8.h"
#include "jinja/heap.h"
#include "jinja/number_text.h"
#include "jinja/text.h"

namespace verbatim::jinja {
namespace {

void write(const Value& value, std::string& out, Heap& heap);

// Before text is appended, so that a small value that is shared many times cannot write a huge one.
void append(std::string& out, std::string_view text, Heap& heap) {
  heap.require_room(1, out.size() + text.size());
  out += text;
}

void write_items(const List& list, std::string& out, Heap& heap) {
  out += list.is_list() ? '[' : '(';
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out += ", ";
    write(list.items[i], out, heap);
  }
  if (list.is_list()) {
    out += ']';
  } else {
    out += list.items.size() == 1 ? ",)" : ")";
  }
}

void write(const Value& value, std::string& out, Heap& heap) {
  heap.step();
  if (value.is_undefined()) {
    out += "Undefined";
  } else if (const Text* text = value.text()) {
    heap.read(text->bytes.size());
    append(out, text->markup ? "Markup(" + quoted_text(text->bytes) + ")" : quoted_text(text->bytes), heap);
  } else if (const List* list = value.list()) {
    write_items(*list, out, heap);
  } else if (const Dict* dict = value.dict()) {
    out += '{';
    const char* comma = "";
    for (const auto& [key, item] : dict->entries) {
      out += std::exchange(comma, ", ");
      write(key, out, heap);
      out += ": ";
      write(item, out, heap);
    }
    out += '}';
  } else if (value.object()) {
    append(out, value.object()->repr(heap), heap);
  } else {
    out += str(value, heap);
  }
}

}  // namespace

std::string str(const Value& value, Heap& heap) {
  if (value.is_undefined()) return "";
  if (value.is_none()) return "None";
  if (auto boolean = value.boolean()) return *boolean ? "True" : "False";
  if (value.is_int()) return fmt::format("{}", *value.integer());
  if (auto real = value.real()) return float_repr(*real);
  if (const Text* text = value.text()) return text->bytes;
  return repr(value, heap);
}

std::string repr(const Value& value, Heap& heap) {
  std::string out;
  write(value, out, heap);
  return out;
}

std::string quoted_text(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = character_at(text, at);
    const std::size_t end = next_character(text, at);
    const auto code = static_cast<std::uint32_t>(c);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += {'\\', static_cast<char>(c)};
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (is_printable(c)) {
      out += text.substr(at, end - at);
    } else {
      out += c < 0x100     ? fmt::format("\\x{:02x}", code)
             : c < 0x10000 ? fmt::format("\\u{:04x}", code)
                           : fmt::format("\\U{:08x}", code);
    }
    at = end;
  }
  return out + quote;
}

}  // namespace verbatim::jinja
