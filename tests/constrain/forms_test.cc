// Lists of forms: texts around schemas that are documents of their own.
#include <gtest/gtest.h>

#include "constrain/texts.h"

namespace verbatim {
namespace {

constexpr const char* kForms = R"([
  {"before": "<call>{\"name\": \"a\", \"arguments\": ", "after": "}</call>",
   "schema": {"$defs": {"x": {"type": "integer"}}, "type": "object", "properties": {"v": {"$ref": "#/$defs/x"}},
              "required": ["v"]}},
  {"before": "<call>{\"name\": \"ab\", \"arguments\": ", "after": "}</call>",
   "schema": {"$defs": {"x": {"type": "null"}}, "type": "object",
              "properties": {"v": {"$ref": "#/$defs/x"}, "next": {"$ref": "#"}}, "required": ["v"]}},
  {"schema": {"type": "boolean"}},
  {"before": "<call>", "after": "!", "schema": {"const": 1}}])";

TEST(Forms, AreAlternativesWhoseSchemasAreRootsOfTheirOwn) {
  const auto constraint = constraint_of(kForms);
  ASSERT_TRUE(constraint.ok()) << constraint.error().message;
  for (const char* text :
       {R"(<call>{"name": "a", "arguments": {"v":7}}</call>)",
        R"(<call>{"name": "ab", "arguments": {"v":null,"next": {"v":null}}}</call>)", "true", "<call>1!"})
    EXPECT_EQ(verdict(*constraint, text), Verdict::accepted) << text;
  for (const char* text :
       {R"(<call>{"name": "a", "arguments": {"v":null}}</call>)",
        R"(<call>{"name": "ab", "arguments": {"v":7}}</call>)",
        R"(<call>{"name": "ab", "arguments": {"v":null}})", "true!", "1", "<call>true!", ""})
    EXPECT_NE(verdict(*constraint, text), Verdict::accepted) << text;
}

TEST(Forms, AreMadeAgainFromTheirText) {
  const auto constraint = constraint_of(kForms);
  ASSERT_TRUE(constraint.ok()) << constraint.error().message;
  const auto again = constraint_of((*constraint)->schema());
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ((*again)->schema(), (*constraint)->schema());
}

// A thousand calls that begin alike: more than places that a text may be kept at (configurations.h).
TEST(Forms, ShareTheirBeginnings) {
  auto forms = nlohmann::ordered_json::array();
  for (int i = 0; i < 1000; ++i)
    forms.push_back({{"before", "call f" + std::to_string(i) + ": "}, {"schema", {{"const", i}}}});
  const auto constraint = constraint_of(forms.dump());
  ASSERT_TRUE(constraint.ok()) << constraint.error().message;
  EXPECT_EQ(verdict(*constraint, "call f999: 999"), Verdict::accepted);
  EXPECT_EQ(verdict(*constraint, "call f99: 999"), Verdict::refused);
}

TEST(Forms, RefusalsNameTheForm) {
  const std::pair<const char*, const char*> refusals[] = {
      {"[]", "a list of forms is empty"},
      {R"([{"schema":true},3])", "JSON schema 1: the form is no object"},
      {R"([{"schema":true,"prefix":"x"}])", "JSON schema 0: the form has a strange 'prefix'"},
      {R"([{"schema":true,"after":1}])", "JSON schema 0: the form has a strange 'after'"},
      {R"([{"schema":true},{"schema":{"properties":{"a":{"not":{}}}}}])",
       "JSON schema 1: '#/properties/a/not' is not a supported keyword"},
      {R"([{"schema":true},{"schema":[]}])", "JSON schema 1: '#' must be an object"},
      {R"([{"schema":{"$defs":{"x":true}}},{"schema":{"$ref":"#/$defs/x"}}])",
       "JSON schema 1: '#/$ref' is '#/$defs/x', where there is no schema"},
      {R"([{"schema":false}])", "satisfied by no value"},
  };
  for (const auto& [forms, says] : refusals) {
    const auto constraint = constraint_of(forms);
    ASSERT_FALSE(constraint.ok()) << forms;
    EXPECT_NE(constraint.error().message.find(says), std::string::npos) << constraint.error().message;
  }
}

}  // namespace
}  // namespace verbatim
