#include "base/half.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

namespace verbatim {
namespace {

// binary16 by its definition.
double f16_value(unsigned h) {
  int exponent = h >> 10 & 31;
  double fraction = h & 1023, sign = h >> 15 ? -1 : 1;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(Half, EveryF16) {
  for (unsigned h = 0; h < 0x10000; ++h) {
    float x = f16_to_f32(static_cast<std::uint16_t>(h));
    if ((h >> 10 & 31) == 31) {
      EXPECT_EQ(std::isinf(x), (h & 1023) == 0) << std::hex << h;
      EXPECT_EQ(std::isnan(x), (h & 1023) != 0) << std::hex << h;
      continue;
    }
    ASSERT_EQ(static_cast<double>(x), f16_value(h)) << std::hex << h;
    ASSERT_EQ(std::signbit(x), h >> 15 != 0) << std::hex << h;
    ASSERT_EQ(f32_to_f16(x), h) << std::hex << h;
  }
}

// Between two neighbours: the nearer one, and on a tie the even one.
TEST(Half, RoundsToNearestEven) {
  for (unsigned h = 0; h < 0x7bff; ++h) {
    double low = f16_value(h), high = f16_value(h + 1), middle = (low + high) / 2;
    auto tie = static_cast<float>(middle);  // exact: one more bit
    ASSERT_EQ(f32_to_f16(tie), h % 2 == 0 ? h : h + 1) << std::hex << h;
    ASSERT_EQ(f32_to_f16(std::nextafter(tie, -1.0f)), h) << std::hex << h;
    ASSERT_EQ(f32_to_f16(std::nextafter(tie, INFINITY)), h + 1) << std::hex << h;
  }
  EXPECT_EQ(f32_to_f16(65519.996f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);  // the tie with the first value beyond the range
  EXPECT_EQ(f32_to_f16(-INFINITY), 0xfc00);
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(NAN))));
}

TEST(Half, Bf16) {
  for (unsigned h = 0; h < 0x10000; ++h) {
    float x = bf16_to_f32(static_cast<std::uint16_t>(h));
    ASSERT_EQ(std::bit_cast<std::uint32_t>(x), h << 16);
    if (!std::isnan(x)) {
      ASSERT_EQ(f32_to_bf16(x), h) << std::hex << h;
    }
  }
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f808000u)), 0x3f80);  // ties to even
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f818000u)), 0x3f82);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f808001u)), 0x3f81);
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7f800001u)))));
}

}  // namespace
}  // namespace verbatim
