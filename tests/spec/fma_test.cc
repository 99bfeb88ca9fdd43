// spec/fma.h: the portable form and the one in use, against the C library's fma (the instruction, where there
// is one).
#include "spec/fma.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "spec/philox.h"
#include "spec/sweep.h"

namespace verbatim::spec {
namespace {

// Equal on bits, except that any NaN equals any NaN.
bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

void expect_fused(float a, float b, float c) {
  float expected = std::fma(a, b, c);
  ASSERT_TRUE(same(fma_portable(a, b, c), expected))
      << std::hexfloat << "fma_portable(" << a << ", " << b << ", " << c << ") = " << fma_portable(a, b, c)
      << ", not " << expected;
  ASSERT_TRUE(same(fma(a, b, c), expected)) << std::hexfloat << "fma(" << a << ", " << b << ", " << c
                                            << ") = " << fma(a, b, c) << ", not " << expected;
}

TEST(Fma, SpecialValues) {
  std::vector<float> values;
  for (float x :
       {0.0f,     0x1p-149f, 0x1.fffffcp-127f, 0x1p-126f, 0x1p-75f,        0x1p-74f,  0x1.000002p-24f,
        0x1p-24f, 0x1p-1f,   0x1.fffffep-1f,   1.0f,      0x1.000002p0f,   3.0f,      0x1.fffffep23f,
        0x1p24f,  0x1p63f,   0x1p64f,          0x1p127f,  0x1.fffffep127f, HUGE_VALF, std::nanf("")}) {
    values.push_back(x);
    values.push_back(-x);
  }
  for (float a : values) {
    for (float b : values) {
      for (float c : values) ASSERT_NO_FATAL_FAILURE(expect_fused(a, b, c));
    }
  }
}

TEST(Fma, RandomBits) {
  for (std::uint64_t i = 0; i < 4'000'000; ++i) {
    PhiloxCounter w = random_words(1, i, 0);
    ASSERT_NO_FATAL_FAILURE(
        expect_fused(std::bit_cast<float>(w[0]), std::bit_cast<float>(w[1]), std::bit_cast<float>(w[2])));
  }
}

// A fraction of 23 bits with long runs of zeros or ones: such operands meet ties and near-ties often.
std::uint32_t sparse_fraction(std::uint32_t word) {
  std::uint32_t run = ((1u << (word & 31) % 24) - 1) << (word >> 5 & 31) % 24;
  std::uint32_t point = 1u << (word >> 10 & 31) % 24;
  return ((word >> 15 & 1 ? run : 0) ^ (word >> 16 & 1 ? point : 0) ^ (word >> 17 & 1)) & 0x7fffff;
}

float assemble(std::uint32_t sign, int exponent_field, std::uint32_t fraction) {
  return std::bit_cast<float>(sign << 31 | static_cast<std::uint32_t>(exponent_field) << 23 | fraction);
}

// Operands whose product and addend overlap or just miss each other. product_field centres the biased
// exponent of a * b.
void expect_fused_near(int product_field, std::uint64_t seed) {
  for (std::uint64_t i = 0; i < 3'000'000; ++i) {
    PhiloxCounter w = random_words(seed, i, 0), v = random_words(seed, i, 1);
    int a_field = 1 + static_cast<int>(w[3] % static_cast<std::uint32_t>(product_field + 126));
    a_field = std::clamp(a_field, 1, 254);
    int b_field = std::clamp(product_field + 127 - a_field, 0, 254);
    int c_field = std::clamp(product_field + static_cast<int>(v[3] % 110) - 55, 0, 254);
    ASSERT_NO_FATAL_FAILURE(expect_fused(assemble(v[0] & 1, a_field, sparse_fraction(w[0])),
                                         assemble(v[1] & 1, b_field, sparse_fraction(w[1])),
                                         assemble(v[2] & 1, c_field, sparse_fraction(w[2]))));
  }
}

TEST(Fma, TiesAndNearTies) { expect_fused_near(127, 2); }
TEST(Fma, TiesAmongSubnormals) { expect_fused_near(-10, 3); }
TEST(Fma, TiesNearOverflow) { expect_fused_near(252, 4); }

// (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24 is a tie; an addend of either sign, far too small to see otherwise,
// must break it.
TEST(Fma, StickyBitBreaksATie) {
  float a = 1 + 0x1p-12f;
  EXPECT_EQ(fma_portable(a, a, 0.0f), 1 + 0x1p-11f);
  EXPECT_EQ(fma_portable(a, a, 0x1p-149f), 1 + 0x1p-11f + 0x1p-23f);
  EXPECT_EQ(fma_portable(a, a, -0x1p-149f), 1 + 0x1p-11f);
}

TEST(Fma, Digest) {
  std::vector<float> results;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    PhiloxCounter w = random_words(5, i, 0);
    for (std::uint32_t& word : w) word = (word & 0x8fffffff) | 0x38000000;  // magnitudes 2^-15 .. 2^17
    results.push_back(
        fma(std::bit_cast<float>(w[0]), std::bit_cast<float>(w[1]), std::bit_cast<float>(w[2])));
  }
  EXPECT_EQ(digest(results), "61bcc5bbf4747a4e6f01054d0c6da8c5b40091427fed949e5b92e78d320ffaf9");
}

}  // namespace
}  // namespace verbatim::spec
