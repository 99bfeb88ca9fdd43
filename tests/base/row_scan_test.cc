// Passes over rows against the loops that define them: every length about a block, and the value that matters at every place.
#include "base/row_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace verbatim {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::size_t kLengths[] = {1, 2, 15, 16, 17, 255, 256, 257, 300, 511, 512, 700};

std::vector<float> row_of(std::size_t length) {
  std::mt19937 random(static_cast<unsigned>(length));
  std::uniform_real_distribution<float> value(-1, 1);
  std::vector<float> row(length);
  for (float& v : row) v = value(random);
  return row;
}

TEST(RowScan, OneValueThatIsNotFiniteIsFoundAnywhere) {
  const float bad_values[] = {kInfinity, -kInfinity, std::nanf(""), -std::nanf("")};
  for (std::size_t length : kLengths) {
    std::vector<float> row = row_of(length);
    EXPECT_TRUE(all_finite(row)) << "length " << length;
    for (std::size_t i = 0; i < length; ++i) {
      const float good = std::exchange(row[i], bad_values[i % std::size(bad_values)]);
      EXPECT_FALSE(all_finite(row)) << "length " << length << ", place " << i;
      row[i] = i % 2 == 0 ? std::numeric_limits<float>::max() : std::numeric_limits<float>::denorm_min();
      EXPECT_TRUE(all_finite(row)) << "length " << length << ", place " << i;
      row[i] = good;
    }
  }
}

TEST(RowScan, TheLargestIsFoundAnywhere) {
  for (std::size_t length : kLengths) {
    std::vector<float> row = row_of(length);
    EXPECT_EQ(largest(row), *std::ranges::max_element(row)) << "length " << length;
    for (std::size_t i = 0; i < length; ++i) {
      const float before = std::exchange(row[i], 2.0f);
      EXPECT_EQ(largest(row), 2.0f) << "length " << length << ", place " << i;
      row[i] = before;
    }
    for (float& v : row) v -= 4;  // all below zero
    EXPECT_EQ(largest(row), *std::ranges::max_element(row)) << "length " << length;
    std::ranges::fill(row, -kInfinity);
    EXPECT_EQ(largest(row), -kInfinity) << "length " << length;
  }
}

TEST(RowScan, TheFirstOfEqualValues) {
  for (std::size_t length : kLengths) {
    std::vector<float> row = row_of(length);
    for (std::size_t i = 0; i < length; ++i) {
      std::vector<float> with = row;
      with[i] = with[length - 1] = 2;
      EXPECT_EQ(first_equal(with, 2), i) << "length " << length;
      with[i] = -0.0f, with[length - 1] = +0.0f;
      EXPECT_EQ(first_equal(with, +0.0f), i) << "length " << length;
    }
  }
}

}  // namespace
}  // namespace verbatim
