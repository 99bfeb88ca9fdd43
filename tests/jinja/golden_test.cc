// Small templates render as Jinja2 renders them, byte for byte; where Jinja2 raises, so do we.
// tools/goldens/make_jinja_goldens.py made the expected texts.
#include <gtest/gtest.h>

#include <fstream>

#include "jinja/template.h"
#include "json/library.h"
#include "source_path.h"

namespace verbatim::jinja {
namespace {

using Json = nlohmann::ordered_json;

Json read(const std::string& path) {
  std::ifstream file(source_path("tests/jinja/" + path));
  EXPECT_TRUE(file) << path;
  return Json::parse(file);
}

// {"text"} or {"error"}, as the goldens have it
Json rendered(const std::string& source, const Json& variables) {
  const Result<Template> compiled = Template::create(source);
  if (!compiled.ok()) return {{"error", compiled.error().message}};
  const Result<std::string> text = compiled->render(variables);
  return text.ok() ? Json{{"text", *text}} : Json{{"error", text.error().message}};
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, RendersAsJinja2) {
  const Json variables = read("cases/variables.json");
  const Json cases = read(std::string("golden/") + GetParam() + ".json");
  ASSERT_GT(cases.size(), 10u);
  for (const Json& expected : cases) {
    const std::string source = expected["template"];
    const Json actual = rendered(source, variables);
    if (expected.contains("text")) {
      EXPECT_EQ(actual, Json({{"text", expected["text"]}})) << source;
    } else {
      EXPECT_TRUE(actual.contains("error"))
          << source << "\nshould raise " << expected["error"] << ", is " << actual;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Jinja, Golden,
                         testing::Values("operators", "filters", "methods", "tests", "statements"),
                         [](const auto& suite) { return std::string(suite.param); });

TEST(Refused, AtLoadWithItsLine) {
  for (const Json& refused : read("golden/refused.json")) {
    const std::string source = refused["template"];
    const Result<Template> compiled = Template::create("first line\n" + source);
    ASSERT_FALSE(compiled.ok()) << source;
    EXPECT_TRUE(compiled.error().message.starts_with("line ")) << source << ": " << compiled.error().message;
  }
}

}  // namespace
}  // namespace verbatim::jinja
