// The one reader of JSON text: what it gives, what it refuses, and that no text costs more than its length.
#include "json/reader.h"
#include "json/library.h"

#include <gtest/gtest.h>

namespace verbatim {
namespace {

std::string refusal(const std::string& text, JsonLimits limits = {}) {
  auto ordered = parse_ordered_json(text, "t", limits);
  auto sorted = parse_json(text, "t", limits);
  EXPECT_FALSE(ordered.ok()) << text;
  EXPECT_FALSE(sorted.ok()) << text;
  if (ordered.ok() || sorted.ok()) return "";
  EXPECT_EQ(ordered.error().message, sorted.error().message);
  return ordered.error().message;
}

TEST(JsonReader, GivesWhatTheLibraryGives) {
  for (
      const std::string text : {
          R"({"b":1,"a":[true,false,null,-1,18446744073709551615,1e30,0.5,"x",{},[],[[]]],"":{"":{"c":[1]}}})",
          R"([{"a":1},{"a":2,"b":[]},{"a":[{"a":3}]}])",
          R"("\u00e9\ud83d\ude00")",
          R"( -0 )",
          R"(36893488147419103232)",
      }) {
    auto ordered = parse_ordered_json(text, "t");
    auto sorted = parse_json(text, "t");
    ASSERT_TRUE(ordered.ok()) << ordered.error().message;
    ASSERT_TRUE(sorted.ok()) << sorted.error().message;
    EXPECT_EQ(ordered->dump(), nlohmann::ordered_json::parse(text).dump());
    EXPECT_EQ(sorted->dump(), nlohmann::json::parse(text).dump());
  }
}

TEST(JsonReader, RefusesWhatIsNoJson) {
  for (const std::string text : {"", " ", "{", "[1,]", "{\"a\":}", "{\"a\"}", "nul", "1 2", "[NaN]",
                                 "\"\xff\"", "\"\\ud800\"", "'a'", "\"a\nb\"", "1e999", "{} {", "// x\n1"})
    EXPECT_TRUE(refusal(text).starts_with("t: ")) << text;
}

TEST(JsonReader, RefusesAKeyThatOccursTwice) {
  EXPECT_EQ(refusal(R"({"a":1,"b":2,"a":3})"), R"(t: the key "a" occurs twice in an object)");
  EXPECT_EQ(refusal(R"([{"x":{"k":{},"\u006b":1}}])"), R"(t: the key "k" occurs twice in an object)");
  EXPECT_TRUE(parse_json(R"({"a":{"a":[{"a":1},{"a":1}]}})", "t").ok());
}

TEST(JsonReader, HoldsItsLimits) {
  auto nested = [](std::size_t depth, const char* open, const char* inner, char close) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += open;
    return text + inner + std::string(depth, close);
  };
  for (std::size_t depth : {std::size_t{511}, std::size_t{512}}) {
    EXPECT_TRUE(parse_ordered_json(nested(depth, "[", "", ']'), "t").ok());
    EXPECT_TRUE(parse_ordered_json(nested(depth, "{\"a\":", "1", '}'), "t").ok());
  }
  EXPECT_EQ(refusal(nested(513, "[", "", ']')), "t: nested deeper than 512");
  EXPECT_EQ(refusal(nested(513, "{\"a\":", "1", '}')), "t: nested deeper than 512");
  EXPECT_EQ(refusal(std::string(1'000'000, '[')), "t: nested deeper than 512");

  EXPECT_TRUE(parse_json("[1,2,{}]", "t", {.values = 4}).ok());
  EXPECT_EQ(refusal("[1,2,{\"a\":3}]", {.values = 4}), "t: more than 4 values");
  EXPECT_EQ(refusal("[1,2,[]]", {.values = 3}), "t: more than 3 values");
}

// With a search of each key among those before it, or of what is discarded after each object, either takes minutes.
TEST(JsonReader, ReadsManyKeysAndManyObjects) {
  std::string keys = "{", objects = "[";
  for (int i = 0; i < 400'000; ++i) {
    keys += fmt::format("{}\"key {}\":{}", i == 0 ? "" : ",", i, i);
    objects += i == 0 ? "{}" : ",{}";
  }
  auto of_keys = parse_ordered_json(keys + "}", "t");
  ASSERT_TRUE(of_keys.ok());
  EXPECT_EQ(of_keys->size(), 400'000U);
  EXPECT_EQ(of_keys->back(), 399'999);
  auto of_objects = parse_ordered_json(objects + "]", "t");
  ASSERT_TRUE(of_objects.ok());
  EXPECT_EQ(of_objects->size(), 400'000U);
}

}  // namespace
}  // namespace verbatim
