// spec/lanes64.h: the order of the sum, and that it is that order and no other.
#include "spec/lanes64.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "spec/bits.h"
#include "spec/philox.h"
#include "spec/sweep.h"

namespace verbatim::spec {
namespace {

// Signed values of many magnitudes, so that every change of order changes bits.
std::vector<float> values(std::int64_t k, std::uint64_t seed) {
  std::vector<float> x(static_cast<std::size_t>(k));
  for (std::int64_t i = 0; i < k; ++i) {
    PhiloxCounter w = random_words(seed, static_cast<std::uint64_t>(i), 0);
    x[i] = std::bit_cast<float>((w[0] & 0x83ffffff) | 0x3c000000);  // 2^-7 .. 2^1, either sign
  }
  return x;
}

// The sum that lands in lane l of 2 * half lanes, written from the definition as a tree rather than as a loop
// over lanes.
float tree(const std::vector<float>& x, int lane, int lanes) {
  if (lanes < kLanes) return tree(x, lane, 2 * lanes) + tree(x, lane + lanes, 2 * lanes);
  float sum = 0;
  for (std::size_t i = static_cast<std::size_t>(lane); i < x.size(); i += kLanes) sum = sum + x[i];
  return sum;
}

TEST(Lanes64, SumFollowsTheTree) {
  for (std::int64_t k : {0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000, 4096, 4111}) {
    std::vector<float> x = values(k, 1);
    EXPECT_EQ(bits(lanes64_sum(x.data(), k)), bits(tree(x, 0, 1))) << "k " << k;
  }
}

TEST(Lanes64, SumOfSquaresIsFused) {
  std::vector<float> x = {0x1.000002p0f}, y(65, 0.0f);
  y[0] = 0x1.000002p0f;
  y[64] = 0x1p-12f;
  EXPECT_EQ(bits(lanes64_sum_of_squares(x.data(), 1)), bits(0x1.000002p0f * 0x1.000002p0f));
  // Lane 0 holds 1 + 2^-22 (rounded), and fma adds 2^-24 exactly before its rounding.
  EXPECT_EQ(bits(lanes64_sum_of_squares(y.data(), 65)), bits(std::fma(0x1p-12f, 0x1p-12f, 0x1.000004p0f)));
  // a * a = 1 + 2^-11 + 2^-24 is a tie that only an fma sees: 2^-23 in the lane plus a * a rounds up.
  std::vector<float> z(65, 0.0f);
  z[0] = 0x1p-20f;
  z[64] = 1 + 0x1p-12f;
  EXPECT_EQ(bits(lanes64_sum_of_squares(z.data(), 65)), bits(1 + 0x1p-11f + 0x1p-23f));
}

TEST(Lanes64, ElementsOfALaneJoinInIncreasingOrder) {
  std::vector<float> x(193, 0.0f);
  x[0] = 0x1p24f, x[64] = 1, x[128] = 1, x[192] = -0x1p24f;
  EXPECT_EQ(lanes64_sum(x.data(), 193), 0.0f);  // 1 is lost twice; any other order keeps some of it
}

TEST(Lanes64, PaddingWithZeroChangesNothing) {
  for (std::int64_t k : {0, 1, 5, 63, 65, 100}) {
    for (float zero : {0.0f, -0.0f}) {
      std::vector<float> x = values(k, 2);
      if (k > 1) x[1] = -0.0f;
      float sum = lanes64_sum(x.data(), k), squares = lanes64_sum_of_squares(x.data(), k);
      x.resize(128, zero);
      EXPECT_EQ(bits(lanes64_sum(x.data(), 128)), bits(sum)) << "k " << k;
      EXPECT_EQ(bits(lanes64_sum_of_squares(x.data(), 128)), bits(squares)) << "k " << k;
    }
  }
}

TEST(Lanes64, NegativeZerosSumToPositiveZero) {
  std::vector<float> x(130, -0.0f);
  EXPECT_EQ(bits(lanes64_sum(x.data(), 130)), bits(0.0f));
}

TEST(Lanes64, Digest) {
  std::vector<float> results;
  for (std::int64_t k = 0; k < 1000; ++k) {
    std::vector<float> x = values(k, 3);
    results.push_back(lanes64_sum(x.data(), k));
    results.push_back(lanes64_sum_of_squares(x.data(), k));
  }
  EXPECT_EQ(digest(results), "ad6253723535a2dc2af8dcc29da0cca4f185400488607fef69611b8cc61da54d");
}

}  // namespace
}  // namespace verbatim::spec
