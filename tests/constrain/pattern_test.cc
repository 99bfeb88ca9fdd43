// Patterns against std::regex, on every short string over a small alphabet.
#include "constrain/pattern.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <regex>

namespace verbatim {
namespace {

bool accepts(const CharDfa& dfa, std::string_view text) {
  std::uint32_t state = 0;
  for (char c : text) {
    const auto& edges = dfa.states[state].edges;
    auto edge = std::ranges::find_if(edges, [c](const CharDfa::Edge& e) {
      return e.range.first <= static_cast<char32_t>(c) && static_cast<char32_t>(c) <= e.range.last;
    });
    if (edge == edges.end()) return false;
    state = edge->to;
  }
  return dfa.states[state].accepts;
}

// Groups do not nest: std::regex takes exponential time where they do.
std::string random_pattern(std::mt19937& random, int depth) {
  std::string pattern;
  for (auto parts = 1 + random() % 3; parts > 0; --parts) {
    const char* atoms[] = {"a", "b", "c", ".", "[ab]", "[^a]", "\\w", "^", "$"};
    const auto choice = random() % (depth == 0 ? 12 : 9);
    if (choice == 7 || choice == 8) {
      pattern += atoms[choice];
      continue;
    }
    pattern +=
        choice < 9 ? atoms[choice] : (choice == 9 ? "(?:" : "(") + random_pattern(random, depth + 1) + ")";
    const char* quantifiers[] = {"", "", "", "*", "+", "?", "{2}", "{0,1}", "{1,}", "*?"};
    pattern += quantifiers[random() % std::size(quantifiers)];
    if (random() % 6 == 0 && parts > 1) pattern += "|";
  }
  return pattern;
}

TEST(Pattern, MatchesWhatAnotherEngineMatches) {
  std::vector<std::string> texts = {""};
  for (std::size_t i = 0; texts.back().size() < 4; ++i)
    for (char c : {'a', 'b', 'c', '-'}) texts.push_back(texts[i] + c);
  std::mt19937 random(1);
  int accepted = 0, refused = 0;
  for (int round = 0; round < 1500; ++round) {
    const std::string pattern = random_pattern(random, 0);
    std::size_t steps = 1'000'000;
    const Result<CharDfa> dfa = compile_pattern(pattern, steps);
    ASSERT_TRUE(dfa.ok()) << pattern << ": " << dfa.error().message;
    const std::regex regex(pattern);
    for (const std::string& text : texts) {
      const bool matches = std::regex_search(text, regex);
      ASSERT_EQ(accepts(*dfa, text), matches) << pattern << " on '" << text << "'";
      ++(matches ? accepted : refused);
    }
  }
  EXPECT_GT(accepted, 10'000);
  EXPECT_GT(refused, 10'000);
}

TEST(Pattern, StepsAreTakenOff) {
  std::size_t steps = 1000;
  ASSERT_TRUE(compile_pattern("^a+$", steps).ok());
  EXPECT_LT(steps, 1000u);
  EXPECT_FALSE(compile_pattern("(a|b)*a(a|b){9}", steps).ok());
  EXPECT_EQ(steps, 0u);
}

}  // namespace
}  // namespace verbatim
