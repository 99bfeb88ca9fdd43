#include "jinja/attributes.h"
#include "jinja/format.h"
#include "jinja/number_text.h"
#include "jinja/repr.h"
#include "jinja/runtime.h"

namespace verbatim::jinja {
namespace {

// str.format ("Format String Syntax", Python library reference), its fields looked up as the sandbox does.
class BraceFormat {
 public:
  BraceFormat(const Arguments& arguments, Runtime& runtime) : arguments_(arguments), runtime_(runtime) {}

  // level: of fields inside the specification of a field, at most 2
  std::string run(std::string_view format, int level) {
    if (level > 2) raise("Max string recursion exceeded");
    std::string out;
    for (std::size_t at = 0; at < format.size();) {
      const char c = format[at];
      const bool doubled = at + 1 < format.size() && format[at + 1] == c;
      if (c != '{' && c != '}') {
        const std::size_t end = std::min(format.find_first_of("{}", at), format.size());
        append(out, format.substr(at, end - at));
        at = end;
      } else if (doubled) {
        append(out, format.substr(at, 1));
        at += 2;
      } else if (c == '}') {
        raise("Single '}}' encountered in format string");
      } else {
        const std::size_t end = field_end(format, at + 1);
        append(out, field(format.substr(at + 1, end - at - 1), level));
        at = end + 1;
      }
    }
    return out;
  }

 private:
  void append(std::string& out, std::string_view text) {
    runtime_.heap.read(text.size());
    runtime_.heap.require_room(1, out.size() + text.size());
    out += text;
  }

  static std::size_t field_end(std::string_view format, std::size_t at) {
    int open = 1;
    for (; at < format.size(); ++at) {
      open += format[at] == '{' ? 1 : format[at] == '}' ? -1 : 0;
      if (open == 0) return at;
    }
    raise("expected '}}' before end of string");
  }

  std::string field(std::string_view text, int level) {
    std::size_t name_end = 0;
    for (bool bracket = false; name_end < text.size(); ++name_end) {
      if (text[name_end] == '[') bracket = true;
      if (text[name_end] == ']') bracket = false;
      if (!bracket && (text[name_end] == '!' || text[name_end] == ':')) break;
    }
    const Value value = lookup(text.substr(0, name_end));
    text.remove_prefix(name_end);
    std::optional<std::string> converted;
    if (!text.empty() && text[0] == '!') {
      if (text.size() < 2 || (text.size() > 2 && text[2] != ':'))
        raise("expected ':' after conversion specifier");
      if (text[1] == 'r') converted = repr(value, runtime_.heap);
      if (text[1] == 's') converted = str(value, runtime_.heap);
      if (!converted) raise("the conversion specifier '{}' is not supported", text.substr(1, 1));
      text.remove_prefix(2);
    }
    const std::string spec = text.empty() ? "" : run(text.substr(1), level + 1);
    return format_value(converted ? runtime_.heap.text(*converted) : value, spec, runtime_.heap);
  }

  Value lookup(std::string_view name) {
    const std::size_t end = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, end));
    name.remove_prefix(end);
    while (!name.empty()) {
      const bool dot = name[0] == '.';
      const std::size_t stop = dot ? std::min(name.find_first_of(".[", 1), name.size()) : name.find(']');
      if (stop == std::string_view::npos) raise("Missing ']' in format string");
      const std::string_view key = name.substr(1, stop - 1);
      if (key.empty()) raise("Empty attribute in format string");
      value = dot ? get_attribute(runtime_, value, key) : get_item(runtime_, value, key_value(key));
      name.remove_prefix(dot ? stop : stop + 1);
      if (!name.empty() && name[0] != '.' && name[0] != '[')
        raise("Only '.' or '[' may follow ']' in format field specifier");
    }
    return value;
  }

  Value key_value(std::string_view key) {
    const bool number = key.find_first_not_of("0123456789") == std::string_view::npos;
    return number ? Value(*parse_int(key)) : runtime_.heap.text(std::string(key));
  }

  Value argument(std::string_view name) {
    const bool number = name.find_first_not_of("0123456789") == std::string_view::npos;
    if (!number) {
      for (const auto& [key, value] : arguments_.named) {
        if (key == name) return value;
      }
      raise("the format names '{}', which is not among the arguments", name);
    }
    if ((name.empty() && numbered_) || (!name.empty() && next_ > 0))
      raise("cannot switch between automatic field numbering and manual field specification");
    numbered_ |= !name.empty();
    const std::size_t index = name.empty() ? next_++ : static_cast<std::size_t>(*parse_int(name));
    if (index >= arguments_.positional.size())
      raise("Replacement index {} out of range for positional args tuple", index);
    return arguments_.positional[index];
  }

  const Arguments& arguments_;
  Runtime& runtime_;
  std::size_t next_ = 0;
  bool numbered_ = false;
};

}  // namespace

std::string brace_format(std::string_view format, const Arguments& arguments, Runtime& runtime) {
  return BraceFormat(arguments, runtime).run(format, 1);
}

}  // namespace verbatim::jinja
