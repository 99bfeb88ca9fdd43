// spec/sin_cos.h against MPFR, hardest where the argument is nearly a multiple of pi/2; and its bits.
#include "spec/sin_cos.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <vector>

#include "spec/exact.h"
#include "spec/philox.h"
#include "spec/sweep.h"

namespace verbatim::spec {
namespace {

constexpr double kBound = 0.8;  // ulp, stated in sin_cos.h

template <typename Argument>
void expect_accurate(const char* name, Argument argument) {
  double worst = 0, at = 0;
  for (std::uint64_t i = 0; i < kDrawnArguments; ++i) {
    double x = argument(i);
    SinCos got = sin_cos64(x);
    double error =
        std::max(error_in_ulps<double>(mpfr_sin, x, got.sin), error_in_ulps<double>(mpfr_cos, x, got.cos));
    if (!(error <= worst)) worst = error, at = x;
  }
  EXPECT_LT(worst, kBound) << name << " at " << std::hexfloat << at << ": sin " << sin64(at) << ", cos "
                           << cos64(at);
  std::printf("%s: worst error %.4f ulp at %a\n", name, worst, at);
}

double draw(double bound, std::uint64_t i, std::uint64_t stream) {
  return bound * (2 * uniform64(1, i, stream) - 1);
}

TEST(SinCos, Zero) {
  for (double zero : {0.0, -0.0}) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(sin64(zero)), std::bit_cast<std::uint64_t>(0.0));
    EXPECT_EQ(cos64(zero), 1.0);
  }
}

TEST(SinCos, WithinOnePeriod) {
  expect_accurate("[-7, 7]", [](auto i) { return draw(7, i, 0); });
}
TEST(SinCos, RopeAngles) {
  expect_accurate("[-2^20, 2^20]", [](auto i) { return draw(0x1p20, i, 1); });
}
TEST(SinCos, WholePositions) {
  expect_accurate("integers", [](auto i) { return static_cast<double>(i); });
}
TEST(SinCos, WholeRange) {
  expect_accurate("[-2^30, 2^30]", [](auto i) { return draw(0x1p30, i, 2); });
}
TEST(SinCos, TinyArguments) {
  expect_accurate("2^-300 .. 1",
                  [](auto i) { return std::ldexp(draw(1, i, 3), -static_cast<int>(i % 300)); });
}

// The doubles around k * pi/4 for k across the whole range:
// reduction cancels nearly everything, or quadrants change.
TEST(SinCos, BesideMultiplesOfQuarterPi) {
  Real quarter_pi;
  mpfr_const_pi(quarter_pi, MPFR_RNDN);
  mpfr_div_ui(quarter_pi, quarter_pi, 4, MPFR_RNDN);
  expect_accurate("beside multiples of pi/4", [&](std::uint64_t i) {
    double k = i < 30'000 ? static_cast<double>(i / 3) : std::floor(uniform64(1, i / 3, 4) * 0x1.45p30);
    Real multiple;
    mpfr_mul_d(multiple, quarter_pi, k, MPFR_RNDN);
    double x = mpfr_get_d(multiple, MPFR_RNDN);
    return std::nextafter(x, x + (static_cast<double>(i % 3) - 1));
  });
}

TEST(SinCos, Digest) {
  std::vector<double> results;
  for (int i = -30'000; i <= 30'000; ++i) {
    SinCos value = sin_cos64(i * 0x1.9p-4 * (i % 7 == 0 ? 0x1p13 : 1));
    results.push_back(value.sin);
    results.push_back(value.cos);
  }
  EXPECT_EQ(digest(results), "73f7616ddc1765479eef30771734355b27dce2d061a7e041510924ab14f660e3");
}

TEST(SinCosDeathTest, RejectsArgumentsOutOfRange) {
  EXPECT_DEATH(sin_cos64(0x1.0000000000001p30), "within 2\\^30");
  EXPECT_DEATH(sin_cos64(std::nan("")), "within 2\\^30");
}

}  // namespace
}  // namespace verbatim::spec
