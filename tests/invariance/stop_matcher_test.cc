#include "engine/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

namespace verbatim {
namespace {

struct Outcome {
  std::string text, matched;
  bool operator==(const Outcome&) const = default;
};

// By definition: the occurrence that ends first, the longest of those.
Outcome by_definition(const std::string& text, const std::vector<std::string>& stops) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    Outcome best;
    for (const std::string& stop : stops)
      if (text.substr(0, end).ends_with(stop) && stop.size() > best.matched.size())
        best = {text.substr(0, end - stop.size()), stop};
    if (!best.matched.empty()) return best;
  }
  return {text, ""};
}

TEST(StopMatcher, SameOutcomeHoweverTheTextIsCut) {
  std::mt19937 random(1);
  auto random_text = [&](std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + random() % 2);
    return text;
  };
  int matched = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::string> stops;
    for (std::size_t i = random() % 4; i > 0; --i) stops.push_back(random_text(1 + random() % 6));
    std::string text = random_text(random() % 30);
    StopMatcher matcher(stops);
    std::string released;
    std::size_t pushed = 0;
    while (pushed < text.size()) {
      std::size_t size = std::min(text.size() - pushed, 1 + random() % 5);
      released += matcher.push(std::string_view(text).substr(pushed, size));
      pushed += size;
      if (!matcher.matched().empty()) continue;
      // Held back is the longest end that may begin a stop string, and no more.
      std::string held = text.substr(released.size(), pushed - released.size());
      ASSERT_EQ(text.substr(0, released.size()), released);
      bool may_begin = held.empty();
      for (const std::string& stop : stops) may_begin |= stop.starts_with(held);
      ASSERT_TRUE(may_begin) << "held back for nothing: " << held;
    }
    released += matcher.flush();
    Outcome expected = by_definition(text, stops);
    ASSERT_EQ((Outcome{released, matcher.matched()}), expected) << "text " << text;
    matched += !expected.matched.empty();
  }
  EXPECT_GT(matched, 5000);
}

TEST(StopMatcher, ReleasesWhatCanNoLongerMatch) {
  StopMatcher matcher({"\n\nUser:"});
  EXPECT_EQ(matcher.push("Hello\n"), "Hello");
  EXPECT_EQ(matcher.push("\n"), "");
  EXPECT_EQ(matcher.push("Us"), "");
  EXPECT_EQ(matcher.push("ual"), "\n\nUsual");
  EXPECT_EQ(matcher.push("\n\nUser"), "");
  EXPECT_EQ(matcher.push(": more"), "");
  EXPECT_EQ(matcher.matched(), "\n\nUser:");
  EXPECT_EQ(matcher.push("and more"), "");
  EXPECT_EQ(matcher.flush(), "");
}

}  // namespace
}  // namespace verbatim
