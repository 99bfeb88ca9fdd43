// spec/pow.h: exp64, log64 and pow64 against MPFR, and their bits.
#include "spec/pow.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <vector>

#include "spec/bits.h"
#include "spec/exact.h"
#include "spec/philox.h"
#include "spec/sweep.h"

namespace verbatim::spec {
namespace {

double draw(double low, double high, std::uint64_t i, std::uint64_t stream) {
  return low + (high - low) * uniform64(1, i, stream);
}

// The worst error of got over n arguments argument(0 .. n-1).
template <typename Argument>
double worst_error(const char* name, Function exact, double (*got)(double), Argument argument) {
  double worst = 0, at = 0;
  for (std::uint64_t i = 0; i < kDrawnArguments; ++i) {
    double x = argument(i);
    double error = error_in_ulps<double>(exact, x, got(x));
    if (!(error <= worst)) worst = error, at = x;
  }
  std::printf("%s: worst error %.4f ulp at %a\n", name, worst, at);
  return worst;
}

TEST(Pow, SpecialValues) {
  EXPECT_EQ(bits(exp64(0.0)), bits(1.0));
  EXPECT_EQ(bits(exp64(-0.0)), bits(1.0));
  EXPECT_EQ(bits(exp64(kInfinity64)), bits(kInfinity64));
  EXPECT_EQ(bits(exp64(-kInfinity64)), bits(0.0));
  EXPECT_EQ(bits(log64(1.0)), bits(0.0));
  EXPECT_EQ(bits(log64(-0.0)), bits(-kInfinity64));
  EXPECT_EQ(bits(log64(kInfinity64)), bits(kInfinity64));
  EXPECT_TRUE(std::isnan(log64(-0x1p-1074)));
  EXPECT_TRUE(std::isnan(log64(kNan64)));
  EXPECT_TRUE(std::isnan(exp64(kNan64)));
  EXPECT_EQ(bits(pow64(1.0, 1e300)), bits(1.0));
  EXPECT_EQ(bits(pow64(0x1p-1074, -0.0)), bits(1.0));
  EXPECT_EQ(bits(pow64(0x1.fffffffffffffp-1, 1e300)), bits(0.0));
  EXPECT_EQ(bits(pow64(0x1.fffffffffffffp-1, -1e300)), bits(kInfinity64));
}

TEST(Pow, Thresholds) {
  EXPECT_LT(exp64(0x1.62e42fefa39efp+9), kInfinity64);
  EXPECT_EQ(exp64(0x1.62e42fefa39fp+9), kInfinity64);
  EXPECT_EQ(bits(exp64(-0x1.74910d52d3051p+9)), 1u);
  EXPECT_EQ(bits(exp64(-0x1.74910d52d3053p+9)), 0u);
}

TEST(Pow, Exp64Error) {
  EXPECT_LT(worst_error("exp64 [-746, 710]", mpfr_exp, exp64, [](auto i) { return draw(-746, 710, i, 0); }),
            1.01);
  EXPECT_LT(worst_error("exp64 [-1, 1]", mpfr_exp, exp64, [](auto i) { return draw(-1, 1, i, 1); }), 0.65);
}

TEST(Pow, Log64Error) {
  auto any = [](std::uint64_t i) {  // every positive finite pattern alike: all exponents, subnormals too
    return std::bit_cast<double>(static_cast<std::uint64_t>(draw(1, 0x7ff0p48, i, 0)));
  };
  EXPECT_LT(worst_error("log64, all exponents", mpfr_log, log64, any), 0.501);
  EXPECT_LT(worst_error("log64, subnormals", mpfr_log, log64,
                        [](auto i) { return static_cast<double>(i + 1) * 0x1p-1074; }),
            0.501);
  EXPECT_LT(worst_error("log64 [1/2, 2]", mpfr_log, log64, [](auto i) { return draw(0.5, 2, i, 1); }), 0.501);
  auto beside_one = [](std::uint64_t i) {
    return 1 + (static_cast<double>(i) - kDrawnArguments / 2) * 0x1p-52;
  };
  EXPECT_LT(worst_error("log64 beside 1", mpfr_log, log64, beside_one), 0.501);
}

void expect_pow(double base, double y, double bound) {
  Real exact;
  mpfr_pow(exact, Real(base), Real(y), MPFR_RNDN);
  double got = pow64(base, y);
  ASSERT_LT(error_in_ulps<double>(exact, got), bound)
      << "pow64(" << std::hexfloat << base << ", " << y << ") = " << got;
}

TEST(Pow, Pow64Error) {
  for (std::uint64_t i = 0; i < kDrawnArguments; ++i) {
    double base = std::bit_cast<double>(static_cast<std::uint64_t>(draw(1, 0x7ff0p48, i, 2)));
    ASSERT_NO_FATAL_FAILURE(expect_pow(base, draw(-1, 1, i, 3) * 750 / std::fabs(log64(base)), 1.01));
  }
}

// What rope asks: theta ^ (2i / d).
TEST(Pow, RopeFrequencies) {
  for (double theta : {1e4, 1e5, 2.5e5, 5e5, 1e6, 1e7}) {
    for (int d : {8, 32, 64, 80, 96, 128, 256}) {
      for (int i = 0; i < d; i += 2)
        ASSERT_NO_FATAL_FAILURE(expect_pow(theta, static_cast<double>(i) / d, 0.65));
    }
  }
}

TEST(Pow, ExactPowers) {
  for (int n = -1074; n <= 1023; ++n) ASSERT_EQ(bits(pow64(2, n)), bits(std::ldexp(1.0, n))) << "2^" << n;
  for (int n = 0; n <= 33; ++n) ASSERT_EQ(pow64(3, n), pow64(3, n - 1) * 3) << "3^" << n;
}

TEST(Pow, Digest) {
  std::vector<double> results;
  for (int i = -20'000; i <= 20'000; ++i) {
    results.push_back(exp64(i * 0x1.3p-5));
    results.push_back(log64((i + 20'001) * 0x1.7p-6));
    results.push_back(pow64((i + 20'001) * 0x1.7p+3, i * 0x1.3p-11));
  }
  EXPECT_EQ(digest(results), "5523bb898c1aa115c90ef00f3c1263e3fa18579ede6a65f605ded0a8265a36d5");
}

}  // namespace
}  // namespace verbatim::spec
