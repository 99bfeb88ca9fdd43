// Random schemas of the supported subset, and random texts of a constraint.
#pragma once

#include <random>
#include <string>

#include "constrain/texts.h"
#include "json/library.h"

namespace verbatim {

class RandomSchema {
 public:
  using Json = nlohmann::ordered_json;

  explicit RandomSchema(std::uint32_t seed) : random_(seed) {}

  Json make() {
    Json root = schema(0);
    if (!root.is_object()) root = Json::object();
    root["$defs"] = {{"leaf", schema(kLeaf)},
                     {"tree", {{"type", "array"}, {"items", {{"$ref", "#/$defs/tree"}}}, {"maxItems", 2}}}};
    return root;
  }

 private:
  static constexpr int kLeaf = 4;  // the depth of what #/$defs/leaf is: it must not refer to itself

  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return *(values.begin() + below(static_cast<unsigned>(values.size())));
  }

  Json schema(int depth) {
    switch (below(depth < 3 ? 12u : 7u)) {
      case 0:
        return {{"type", one_of<Json>({"null", "boolean", "number", Json::array({"null", "integer"})})}};
      case 1:
        return integer();
      case 2:
        return number();
      case 3:
        return string();
      case 4:
        return {{"enum", values()}};
      case 5:
        return {{"const", values()[0]}};
      case 6:
        return below(8) == 0 ? Json(true)
                             : Json{{"$ref", depth < kLeaf ? one_of({"#/$defs/leaf", "#/$defs/tree"})
                                                           : "#/$defs/tree"}};
      case 7:
      case 8:
        return object(depth);
      case 9:
        return array(depth);
      case 10:
        return {{one_of({"anyOf", "oneOf"}), {schema(depth + 1), schema(depth + 1), {{"type", "null"}}}}};
      default: {
        Json s = object(depth), more = object(depth);
        more.erase("additionalProperties");
        s["allOf"] = Json::array({more});
        return s;
      }
    }
  }

  Json integer() {
    Json s = {{"type", "integer"}};
    const int low = static_cast<int>(below(400)) - 200;
    if (below(2)) s[one_of({"minimum", "exclusiveMinimum"})] = low;
    if (below(2)) s[one_of({"maximum", "exclusiveMaximum"})] = low + 2 + static_cast<int>(below(300));
    if (below(4) == 0) s["multipleOf"] = one_of<Json>({2, 7, 0.5, 1.5, 10, 64});
    return s;
  }

  Json number() {
    Json s = {{"type", "number"}};
    const double low = (static_cast<int>(below(4000)) - 2000) / one_of({1.0, 8.0, 100.0});
    s[one_of({"minimum", "exclusiveMinimum"})] = low;
    if (below(2)) s[one_of({"maximum", "exclusiveMaximum"})] = low + (1 + below(500)) / one_of({8.0, 100.0});
    if (below(4) == 0) s["multipleOf"] = one_of<Json>({0.01, 0.5, 0.125, 3});
    return s;
  }

  Json string() {
    Json s = {{"type", "string"}};
    if (below(3) == 0)
      s["pattern"] = one_of({"^[a-z]+$", "b", "^(ab|c)*d?$", "^\\d{2,4}-x", "[^a-y]$", "^.{2}\\.\\w"});
    if (below(2)) s["minLength"] = below(4);
    if (below(2)) s["maxLength"] = 5 + below(20);
    return s;
  }

  Json values() {
    const Json all = {"a",        "ab",          "\"\\\n",      1, 12, -3, 0.5, true, nullptr, {1, "x"},
                      {{"k", 1}}, Json::array(), Json::object()};
    Json some = Json::array();
    for (unsigned i = 1 + below(4); i > 0; --i) some.push_back(all[below(static_cast<unsigned>(all.size()))]);
    return some;
  }

  Json object(int depth) {
    Json s = {{"type", "object"}}, properties = Json::object(), required = Json::array();
    for (unsigned i = below(4); i > 0; --i) {
      const std::string name = one_of({"a", "ab", "b", "\"", "é", ""});
      if (properties.contains(name)) continue;
      properties[name] = schema(depth + 1);
      if (below(2)) required.push_back(name);
    }
    if (below(6)) s["properties"] = properties;
    if (below(2)) s["required"] = required;
    if (below(3) == 0) s["additionalProperties"] = one_of<Json>({true, false, {{"type", "integer"}}});
    if (below(4) == 0) s["patternProperties"] = {{one_of({"^a", "b$", "^[a-z]{2}$"}), schema(depth + 1)}};
    if (below(8) == 0) s["patternProperties"]["^.?b"] = {{"type", "boolean"}};
    if (below(4) == 0) s["propertyNames"] = one_of<Json>({{{"pattern", "^[a-c]*$"}}, {{"maxLength", 2}}});
    if (!s.contains("properties") && below(3) == 0) s["minProperties"] = below(4);
    if (below(4) == 0) s["maxProperties"] = 1 + below(4);
    return s;
  }

  Json array(int depth) {
    Json s = {{"type", "array"}};
    if (below(2)) s["items"] = schema(depth + 1);
    if (below(3) == 0) s["prefixItems"] = {schema(depth + 1), schema(depth + 1)};
    if (below(2)) s["minItems"] = below(3);
    if (below(2)) s["maxItems"] = 2 + below(3);
    if (below(3) == 0) {
      s["items"] =
          one_of({integer(), number(), string(), Json{{"type", "boolean"}}, Json{{"enum", {"a", "ab", 1}}}});
      s.erase("prefixItems");
      s["uniqueItems"] = true;
    }
    return s;
  }

  std::mt19937 random_;
};

// Draws allowed tokens until the text must end, or may and is long enough, or is hopelessly long (then empty).
// Tokens that bring the text to its end are preferred when it grows.
inline std::string random_text(const std::shared_ptr<const Constraint>& constraint,
                               const std::vector<std::string>& tokens, std::mt19937& random) {
  ConstraintState state(constraint);
  std::string text;
  while (text.size() < 3000) {
    if (state.must_end() || (state.may_end() && random() % 3 == 0)) return text;
    const auto allowed = state.allowed();
    std::vector<std::size_t> choices, closing;
    for (std::size_t token = 0; token < tokens.size(); ++token) {
      if (!is_allowed(*allowed, token)) continue;
      choices.push_back(token);
      if (tokens[token].find_first_of("\"]}") != std::string::npos) closing.push_back(token);
    }
    if (choices.empty()) {
      ADD_FAILURE() << "a text may neither end nor go on: " << text;
      return {};
    }
    const bool close = !closing.empty() && random() % 100 < 10 + text.size();
    const std::vector<std::size_t>& from = close ? closing : choices;
    const std::size_t token = from[random() % from.size()];
    EXPECT_TRUE(state.advance(tokens[token])) << text << " then token " << token;
    text += tokens[token];
  }
  return {};
}

}  // namespace verbatim
