// spec/normal_tail.h, gelu.h and clamped_swiglu.h: special values, worst errors against MPFR, and the bits.
#include "spec/gelu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "spec/bits.h"
#include "spec/clamped_swiglu.h"
#include "spec/exact.h"
#include "spec/normal_tail.h"
#include "spec/pow.h"
#include "spec/sigmoid.h"
#include "spec/sweep.h"
#include "spec/swiglu.h"

namespace verbatim::spec {
namespace {

// erfc(x / sqrt 2) / 2
int exact_tail(mpfr_ptr to, mpfr_srcptr x, mpfr_rnd_t round) {
  Real root;
  mpfr_sqrt_ui(root, 2, round);
  mpfr_div(to, x, root, round);
  mpfr_erfc(to, to, round);
  return mpfr_div_ui(to, to, 2, round);
}

// x (1 + erf(x / sqrt 2)) / 2 = x erfc(-x / sqrt 2) / 2
int exact_gelu_erf(mpfr_ptr to, mpfr_srcptr x, mpfr_rnd_t round) {
  Real minus;
  mpfr_neg(minus, x, round);
  exact_tail(to, minus, round);
  return mpfr_mul(to, to, x, round);
}

// x (1 + tanh y) / 2 = x / (1 + e^(-2y)), y = sqrt(2 / pi) (x + 0.044715 x^3)
int exact_gelu_tanh(mpfr_ptr to, mpfr_srcptr x, mpfr_rnd_t round) {
  Real cube, factor;
  mpfr_set_str(cube, "0.044715", 10, round);
  mpfr_mul(cube, cube, x, round);
  mpfr_mul(cube, cube, x, round);
  mpfr_add_ui(cube, cube, 1, round);
  mpfr_mul(cube, cube, x, round);
  mpfr_const_pi(factor, round);
  mpfr_ui_div(factor, 8, factor, round);  // (-2 sqrt(2 / pi))^2
  mpfr_sqrt(factor, factor, round);
  mpfr_mul(to, cube, factor, round);
  mpfr_neg(to, to, round);
  mpfr_exp(to, to, round);
  mpfr_add_ui(to, to, 1, round);
  return mpfr_div(to, x, to, round);
}

double double_tail(double a) { return 0.5 * std::erfc(a * 0.70710678118654752440); }
double double_gelu_erf(double x) { return x * double_tail(-x); }
double double_gelu_tanh(double x) {
  const double y = 0.79788456080286535588 * (x + 0.044715 * x * x * x);
  return x / (1 + std::exp(-2 * y));
}

using FloatFunction = float (*)(float);

// A function, what it is near to in double, what it is exactly.
struct Approximation {
  const char* name;
  FloatFunction function;
  double (*near)(double);
  Function exact;
};

// Where x lies in [low, high), no error is above the bound: in ulp, or absolute.
struct ErrorBound {
  float low, high;
  double bound;
  bool is_absolute = false;
};

// Near a bound in ulp MPFR decides: `near` is exact to far less than 1e-5 ulp.
void expect_errors(const Approximation& of, const std::vector<ErrorBound>& bounds) {
  std::vector<WorstError> worst(bounds.size());
  for_each_float(sweep_stride(), [&](float x) {
    const auto holds = [x](const ErrorBound& bound) { return x >= bound.low && x < bound.high; };
    if (std::none_of(bounds.begin(), bounds.end(), holds)) return;
    const float y = of.function(x);
    const double near = of.near(static_cast<double>(x));
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      if (!holds(bounds[i])) continue;
      double error = bounds[i].is_absolute ? std::fabs(static_cast<double>(y) - near)
                                           : approximate_error_in_ulps(y, near);
      if (!bounds[i].is_absolute && error > bounds[i].bound - 1e-5)
        error = error_in_ulps<float>(of.exact, x, y);
      worst[i].add(x, error);
    }
  });
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    EXPECT_LE(worst[i].error(), bounds[i].bound) << of.name << " at " << std::hexfloat << worst[i].at();
    std::printf("%s on [%g, %g): worst error %.7g%s at %a\n", of.name, static_cast<double>(bounds[i].low),
                static_cast<double>(bounds[i].high), worst[i].error(), bounds[i].is_absolute ? "" : " ulp",
                static_cast<double>(worst[i].at()));
  }
}

constexpr float kLeastFinite = std::numeric_limits<float>::lowest();

std::string digest_of_gelu(FloatFunction function) {
  std::vector<float> results;
  for_each_float(4099, [&](float x) {
    if (std::isfinite(x)) results.push_back(function(x));
  });
  return digest(results);
}

// The bounds are stated in the pages.
TEST(NormalTail, WorstErrors) {
  expect_errors({"Q", normal_tail, double_tail, exact_tail},
                {{0, 1, 6.299}, {1, 2, 6.3234}, {2, 4, 8.9573}, {4, 6, 19.4746}});
}

TEST(NormalTail, Ends) {
  EXPECT_NEAR(static_cast<double>(normal_tail(0)), 0.5, 2e-7);
  EXPECT_EQ(bits(normal_tail(14.43f)), bits(0.0f));
  EXPECT_EQ(bits(normal_tail(kInfinity32)), bits(0.0f));
  EXPECT_TRUE(std::isnan(normal_tail(NAN)));
}

TEST(Gelu, TanhForm) {
  expect_errors({"gelu_tanh", gelu_tanh, double_gelu_tanh, exact_gelu_tanh},
                {{0, kInfinity32, 1.8805}, {-2, 0, 6.1928}, {kLeastFinite, 0, 4.7e-8, true}});
}

TEST(Gelu, ErfForm) {
  expect_errors({"gelu_erf", gelu_erf, double_gelu_erf, exact_gelu_erf},
                {{0, kInfinity32, 6.0035}, {-2, 0, 6.5941}, {kLeastFinite, 0, 6.93e-8, true}});
}

TEST(Gelu, Digests) {
  EXPECT_EQ(digest_of_gelu(gelu_tanh), "b06663d822f2f4500ba90bcfc3030574211d00bed6c28cb922f51ad641025633");
  EXPECT_EQ(digest_of_gelu(gelu_erf), "110c0b7d4684168b8621622933b9b80dddab3a76985774e4502773e6408e1835");
}

TEST(Gelu, SpecialValues) {
  for (const FloatFunction function : {gelu_tanh, gelu_erf}) {
    EXPECT_EQ(function(0.0f), 0);
    EXPECT_EQ(function(100.0f), 100);
    EXPECT_EQ(function(std::numeric_limits<float>::max()), std::numeric_limits<float>::max());
    EXPECT_EQ(function(kLeastFinite), 0);
    EXPECT_FALSE(std::isfinite(function(kInfinity32)));
    EXPECT_TRUE(std::isnan(function(-kInfinity32)));
    EXPECT_TRUE(std::isnan(function(NAN)));
  }
  EXPECT_EQ(bits(gelu_tanh(-0.0f)), bits(-0.0f));
  EXPECT_EQ(bits(gelu_erf(-0.0f)), bits(0.0f));
}

// The two forms differ by at most 4.8e-4, by their definitions: a mistake that takes one for the other is larger than rounding.
TEST(Gelu, FormsAreTwoFunctions) {
  double most = 0;
  for (float x = -6; x < 6; x += 0x1p-8f) {
    most = std::max(most, std::fabs(static_cast<double>(gelu_tanh(x) - gelu_erf(x))));
  }
  EXPECT_NEAR(most, 4.73e-4, 1e-5);
}

TEST(ClampedSwiglu, IsItsFormulaWithinItsBounds) {
  const ClampedSwiglu form;
  for (float g = -30; g < 30; g += 0.37f) {
    for (float u = -30; u < 30; u += 0.41f) {
      const double gate = std::min(static_cast<double>(g), 7.0);
      const double up = std::clamp(static_cast<double>(u), -7.0, 7.0);
      const double exact = (up + 1) * gate / (1 + std::exp(-static_cast<double>(form.alpha) * gate));
      ASSERT_NEAR(static_cast<double>(clamped_swiglu(g, u, form)), exact, std::fabs(exact) * 4e-6 + 1e-30)
          << g << ", " << u;
    }
  }
}

TEST(ClampedSwiglu, BoundsAreExact) {
  const ClampedSwiglu form;
  EXPECT_EQ(bits(clamped_swiglu(7, 3, form)), bits(clamped_swiglu(1e30f, 3, form)));
  EXPECT_EQ(bits(clamped_swiglu(1, 7, form)), bits(clamped_swiglu(1, 1e30f, form)));
  EXPECT_EQ(bits(clamped_swiglu(1, -7, form)), bits(clamped_swiglu(1, -1e30f, form)));
  EXPECT_NE(bits(clamped_swiglu(-8, 3, form)),
            bits(clamped_swiglu(-7, 3, form)));  // gates have no lower bound
  EXPECT_EQ(clamped_swiglu(3, -1, form), 0);
  // Without bounds and with slope 1 it is swiglu with an up-projection about 1.
  const ClampedSwiglu open{1, std::numeric_limits<float>::max()};
  for (float g = -20; g < 20; g += 0.7f) EXPECT_EQ(bits(clamped_swiglu(g, 2, open)), bits(swiglu(g, 3)));
}

// A gate that overflowed is a fault, though its bound is finite.
TEST(ClampedSwiglu, DoesNotHideWhatIsNotFinite) {
  for (const float bad : {kInfinity32, -kInfinity32, NAN}) {
    EXPECT_TRUE(std::isnan(clamped_swiglu(bad, 1, {})));
    EXPECT_TRUE(std::isnan(clamped_swiglu(1, bad, {})));
  }
}

}  // namespace
}  // namespace verbatim::spec
