// spec/exp.h: its special values, its worst error, the other ways to its bits that it names,
// and the bits themselves.
#include "spec/exp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "spec/bits.h"
#include "spec/exact.h"
#include "spec/pow.h"
#include "spec/sweep.h"

namespace verbatim::spec {
namespace {

constexpr double kWorstError = 0.8914;  // stated in exp.h
TEST(Exp, SpecialValues) {
  EXPECT_EQ(bits(exp(0.0f)), bits(1.0f));
  EXPECT_EQ(bits(exp(-0.0f)), bits(1.0f));
  EXPECT_EQ(bits(exp(kInfinity32)), bits(kInfinity32));
  EXPECT_EQ(bits(exp(-kInfinity32)), bits(0.0f));
  for (std::uint32_t nan : {0x7fc00000u, 0xffc00000u, 0x7f800001u, 0xffffffffu}) {
    EXPECT_EQ(bits(exp(std::bit_cast<float>(nan))), 0x7fc00000u) << std::hex << nan;
  }
}

TEST(Exp, OverflowAndUnderflowThresholds) {
  EXPECT_LT(exp(0x1.62e42ep+6f), kInfinity32);
  EXPECT_EQ(exp(0x1.62e43p+6f), kInfinity32);
  EXPECT_EQ(bits(exp(-0x1.9fe368p+6f)), 1u);  // the smallest subnormal
  EXPECT_EQ(bits(exp(-0x1.9fe36ap+6f)), 0u);
  EXPECT_EQ(exp(std::numeric_limits<float>::max()), kInfinity32);
  EXPECT_EQ(bits(exp(std::numeric_limits<float>::lowest())), 0u);
}

TEST(Exp, WorstError) {
  WorstError worst;
  for_each_float(sweep_stride(), [&](float x) {
    if (x != x) return;
    float y = exp(x);
    double error = approximate_error_in_ulps(y, std::exp(static_cast<double>(x)));
    if (error > kWorstError - kApproximationError) error = error_in_ulps<float>(mpfr_exp, x, y);
    worst.add(x, error);
  });
  EXPECT_LE(worst.error(), kWorstError)
      << "exp at " << std::hexfloat << worst.at() << " gives " << exp(worst.at());
  std::printf("worst error %.6f ulp at %a\n", worst.error(), static_cast<double>(worst.at()));
}

TEST(Exp, WorstArgument) {
  float x = -0x1.765026p+2f;
  EXPECT_NEAR(error_in_ulps<float>(mpfr_exp, x, exp(x)), 0.891321, 1e-6);
}

// Not monotone: between neighbours it may fall, but by one last place at most.
TEST(Exp, NeighboursFallByAtMostOneUlp) {
  std::int64_t falls = 0;
  for_each_float(sweep_stride(), [&](float x) {
    if (x != x || x == kInfinity32) return;
    float y = exp(x), next = exp(std::nextafter(x, kInfinity32));
    if (next >= y) return;
    ++falls;
    ASSERT_EQ(bits(y) - bits(next), 1u) << "exp falls after " << std::hexfloat << x;
  });
  std::printf("%lld falls\n", static_cast<long long>(falls));
}

// R6, second way.
float exp_of_nonpositive(float x) {
  using namespace exp_constants;
  constexpr float kShiftedRounder = kRounder + 64;
  float z = x < kLowest ? kLowest : x;
  float t = fma(z, kLog2e, kShiftedRounder);
  float n = t - kShiftedRounder;
  float r = fma(n, -kLn2Low, fma(n, -kLn2High, z));
  float p = kC6;
  for (float c : {kC5, kC4, kC3, kC2, 1.0f, 1.0f}) p = fma(p, r, c);
  return std::bit_cast<float>(bits(p) + (bits(t) << 23)) * 0x1p-64f;
}

TEST(Exp, OneMultiplicationSufficesForNonpositiveArguments) {
  for_each_float(sweep_stride(), [](float x) {
    if (!(x <= 0)) return;
    ASSERT_EQ(bits(exp_of_nonpositive(x)), bits(exp(x))) << "exp(" << std::hexfloat << x << ")";
  });
}

TEST(Exp, Digest) {
  std::vector<float> results;
  for_each_float(4099, [&](float x) { results.push_back(exp(x)); });
  EXPECT_EQ(digest(results), "6fcd6d6d0363dc0a9acbc263fcd0e68ce15d701b05ecd30f13c49436f32a1fcf");
}

}  // namespace
}  // namespace verbatim::spec
