// Numbers between bounds, against the same numbers as integers of hundredths.
#include <gtest/gtest.h>

#include <random>

#include "constrain/texts.h"

namespace verbatim {
namespace {

// 1234 -> 12.34, with the zeros at its end or without.
std::string text_of(int hundredths, bool short_form) {
  std::string text = fmt::format("{}{}.{:02}", hundredths < 0 ? "-" : "", std::abs(hundredths) / 100,
                                 std::abs(hundredths) % 100);
  if (!short_form) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

TEST(Numbers, AreInTheRangeOrRefused) {
  std::mt19937 random(1);
  auto bound = [&] {
    const int scale = random() % 3 == 0 ? 100 : random() % 2 == 0 ? 10 : 1;
    return (static_cast<int>(random() % 4000) - 2000) / scale * scale;
  };
  int in = 0, out = 0;
  for (int round = 0; round < 300; ++round) {
    int low = bound(), high = bound();
    if (low > high) std::swap(low, high);
    const bool low_open = random() % 2 == 0, high_open = random() % 2 == 0, integer = random() % 3 == 0;
    const std::string schema =
        fmt::format(R"({{"type":"{}","{}":{},"{}":{}}})", integer ? "integer" : "number",
                    low_open ? "exclusiveMinimum" : "minimum", text_of(low, true),
                    high_open ? "exclusiveMaximum" : "maximum", text_of(high, true));
    const auto constraint = constraint_of(schema);
    for (int i = 0; i < 200; ++i) {
      const int near[] = {low, high, 0, static_cast<int>(random() % 5000) - 2500};
      const int x = near[random() % 4] + static_cast<int>(random() % 7) - 3;
      const std::string text = text_of(x, integer || random() % 2 == 0);
      const bool fits = (low_open ? x > low : x >= low) && (high_open ? x < high : x <= high) &&
                        (!integer || x % 100 == 0) && text.substr(0, 2) != "-0.00";
      if (!constraint.ok()) {  // no value at all
        ASSERT_FALSE(fits) << schema << " " << text;
        continue;
      }
      ASSERT_EQ(verdict(*constraint, text) == Verdict::accepted, fits) << schema << " " << text;
      ++(fits ? in : out);
    }
  }
  EXPECT_GT(in, 10'000);
  EXPECT_GT(out, 10'000);
}

}  // namespace
}  // namespace verbatim
