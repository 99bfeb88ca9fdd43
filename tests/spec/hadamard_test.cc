// spec/hadamard.h: Sylvester's matrices by their definition, and what the engine takes from them: products are kept.
#include "spec/hadamard.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "spec/bits.h"
#include "spec/philox.h"

namespace verbatim::spec {
namespace {

// Whole numbers below 2^11 in magnitude: exact, whatever the order.
std::vector<float> whole_numbers(std::int64_t k, std::uint64_t seed) {
  std::vector<float> x;
  for (std::int64_t i = 0; i < k; ++i) {
    x.push_back(static_cast<float>(random_words(seed, static_cast<std::uint64_t>(i), 0)[0] % 4095) - 2047);
  }
  return x;
}

TEST(Hadamard, IsTheMatrixOfItsDefinition) {
  for (std::int64_t block : {1, 2, 4, 8, 16, 32, 64, 256, 1024}) {
    const std::int64_t k = 3 * block;
    const std::vector<float> x = whole_numbers(k, 1);
    std::vector<float> y = x;
    hadamard(y.data(), k, block);
    for (std::int64_t i = 0; i < k; ++i) {
      float sum = 0;
      for (std::int64_t j = 0; j < block; ++j) {
        const bool minus = std::popcount(static_cast<std::uint64_t>(i % block & j)) % 2 == 1;
        const float value = x[static_cast<std::size_t>(i / block * block + j)];
        sum += minus ? -value : value;
      }
      ASSERT_EQ(y[static_cast<std::size_t>(i)], sum) << "block " << block << ", element " << i;
    }
    hadamard(y.data(), k, block);  // H H = B I
    for (std::int64_t i = 0; i < k; ++i) {
      ASSERT_EQ(y[static_cast<std::size_t>(i)], static_cast<float>(block) * x[static_cast<std::size_t>(i)]);
    }
  }
}

TEST(Hadamard, KeepsProducts) {
  const std::vector<float> x = whole_numbers(192, 2), w = whole_numbers(192, 3);
  std::vector<float> rotated_x = x, rotated_w = w;
  hadamard(rotated_x.data(), 192, 64);
  hadamard(rotated_w.data(), 192, 64);
  double plain = 0, rotated = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    plain += static_cast<double>(x[i]) * static_cast<double>(w[i]);
    rotated += static_cast<double>(rotated_x[i]) * static_cast<double>(rotated_w[i]);
  }
  EXPECT_EQ(rotated, 64 * plain);
}

// The stages come in increasing h.
TEST(Hadamard, AddsNeighboursFirst) {
  std::vector<float> y = {1, 0, 0x1p-24f, 0x1p-24f};
  hadamard(y.data(), 4, 4);
  EXPECT_EQ(bits(y[0]), bits(1 + 0x1p-23f));  // (1 + 2^-24) + 2^-24 would be 1
}

TEST(Hadamard, BlocksDivideTheirRows) {
  EXPECT_EQ(hadamard_block(576, 64), 64);
  EXPECT_EQ(hadamard_block(4096, 64), 64);
  EXPECT_EQ(hadamard_block(96, 64), 32);
  EXPECT_EQ(hadamard_block(96, 96), 32);
  EXPECT_EQ(hadamard_block(256, 256), 256);
  EXPECT_EQ(hadamard_block(70, 64), 2);
  EXPECT_EQ(hadamard_block(31, 64), 1);
}

}  // namespace
}  // namespace verbatim::spec
