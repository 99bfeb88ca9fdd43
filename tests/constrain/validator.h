// Whether a JSON value satisfies a schema: JSON Schema read naively, keyword by keyword, on parsed values: the
// judge of what the grammar lets through. It shares no code with src/constrain/. `oneOf` is read as `anyOf`,
// and an object is closed where `properties` stands without `additionalProperties`, as
// docs/structured-output.md says; `pattern` is std::wregex's ECMAScript on code points.
#pragma once

#include <algorithm>
#include <cmath>
#include <regex>
#include <string>

#include "base/utf8.h"
#include "json/library.h"

namespace verbatim {

class Validator {
 public:
  using Json = nlohmann::ordered_json;

  explicit Validator(const Json& root) : root_(root) {}

  bool accepts(const Json& value) const { return accepts(root_, value); }

 private:
  bool accepts(const Json& s, const Json& v) const {
    if (s.is_boolean()) return s.get<bool>();
    return accepts_type(s, v) && accepts_values(s, v) && accepts_combined(s, v) && accepts_number(s, v) &&
           accepts_string(s, v) && accepts_array(s, v) && accepts_object(s, v);
  }

  static bool is(const std::string& type, const Json& v) {
    if (type == "null") return v.is_null();
    if (type == "boolean") return v.is_boolean();
    if (type == "integer") return v.is_number_integer();
    if (type == "number") return v.is_number();
    if (type == "string") return v.is_string();
    if (type == "array") return v.is_array();
    return type == "object" && v.is_object();
  }

  static bool accepts_type(const Json& s, const Json& v) {
    if (!s.contains("type")) return true;
    if (s["type"].is_string()) return is(s["type"], v);
    return std::any_of(s["type"].begin(), s["type"].end(), [&](const Json& type) { return is(type, v); });
  }

  static bool accepts_values(const Json& s, const Json& v) {
    if (s.contains("const") && s["const"] != v) return false;
    return !s.contains("enum") || std::find(s["enum"].begin(), s["enum"].end(), v) != s["enum"].end();
  }

  bool accepts_combined(const Json& s, const Json& v) const {
    auto accepted = [&](const Json& part) { return accepts(part, v); };
    if (s.contains("$ref")) {
      const std::string ref = s["$ref"];
      if (!accepts(root_.at(Json::json_pointer(ref.substr(1))), v)) return false;
    }
    if (s.contains("allOf") && !std::all_of(s["allOf"].begin(), s["allOf"].end(), accepted)) return false;
    for (const char* any : {"anyOf", "oneOf"})
      if (s.contains(any) && !std::any_of(s[any].begin(), s[any].end(), accepted)) return false;
    return true;
  }

  static bool accepts_number(const Json& s, const Json& v) {
    if (!v.is_number()) return true;
    const double x = v;
    return (!s.contains("minimum") || x >= s["minimum"].get<double>()) &&
           (!s.contains("maximum") || x <= s["maximum"].get<double>()) &&
           (!s.contains("exclusiveMinimum") || x > s["exclusiveMinimum"].get<double>()) &&
           (!s.contains("exclusiveMaximum") || x < s["exclusiveMaximum"].get<double>()) &&
           (!s.contains("multipleOf") || is_multiple(v, s["multipleOf"]));
  }

  // In thousandths, which hold every step that the tests use.
  static bool is_multiple(const Json& v, const Json& step) {
    auto thousandths = [](const Json& number) { return std::llround(number.get<double>() * 1000); };
    if (v.is_number_integer())
      return v.get<std::int64_t>() % thousandths(step) * 1000 % thousandths(step) == 0;
    return std::abs(v.get<double>() * 1000 - static_cast<double>(thousandths(v))) < 1e-3 &&
           thousandths(v) % thousandths(step) == 0;
  }

  static bool accepts_string(const Json& s, const Json& v) {
    if (!v.is_string()) return true;
    const std::string text = v;
    const auto length = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
    if (s.contains("minLength") && length < s["minLength"].get<std::int64_t>()) return false;
    if (s.contains("maxLength") && length > s["maxLength"].get<std::int64_t>()) return false;
    return !s.contains("pattern") || matches(s["pattern"], text);
  }

  static bool matches(const std::string& pattern, const std::string& text) {
    std::wstring characters;
    for (std::size_t i = 0; i < text.size();) {
      const Utf8Char c = read_utf8(text, i);
      characters += static_cast<wchar_t>(c.code_point);
      i += c.bytes;
    }
    return std::regex_search(characters, std::wregex(pattern.begin(), pattern.end()));
  }

  bool accepts_array(const Json& s, const Json& v) const {
    if (!v.is_array()) return true;
    if (s.contains("minItems") && v.size() < s["minItems"].get<std::size_t>()) return false;
    if (s.contains("maxItems") && v.size() > s["maxItems"].get<std::size_t>()) return false;
    if (s.value("uniqueItems", false))
      for (std::size_t i = 0; i < v.size(); ++i)
        if (std::find(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(i), v[i]) !=
            v.begin() + static_cast<std::ptrdiff_t>(i))
          return false;
    const std::size_t prefix = s.contains("prefixItems") ? s["prefixItems"].size() : 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (i < prefix && !accepts(s["prefixItems"][i], v[i])) return false;
      if (i >= prefix && s.contains("items") && !accepts(s["items"], v[i])) return false;
      if (i >= prefix && prefix > 0 && !s.contains("items")) return false;
    }
    return true;
  }

  bool accepts_object(const Json& s, const Json& v) const {
    if (!v.is_object()) return true;
    if (s.contains("required"))
      for (const std::string name : s["required"])
        if (!v.contains(name)) return false;
    if (s.contains("minProperties") && v.size() < s["minProperties"].get<std::size_t>()) return false;
    if (s.contains("maxProperties") && v.size() > s["maxProperties"].get<std::size_t>()) return false;
    for (const auto& [name, member] : v.items()) {
      if (s.contains("propertyNames") && !accepts(s["propertyNames"], Json(name))) return false;
      bool listed = s.contains("properties") && s["properties"].contains(name);
      if (listed && !accepts(s["properties"][name], member)) return false;
      if (s.contains("patternProperties"))
        for (const auto& [pattern, schema] : s["patternProperties"].items()) {
          if (!matches(pattern, name)) continue;
          listed = true;
          if (!accepts(schema, member)) return false;
        }
      if (!listed && s.contains("additionalProperties") && !accepts(s["additionalProperties"], member))
        return false;
    }
    return true;
  }

  const Json& root_;
};

}  // namespace verbatim
