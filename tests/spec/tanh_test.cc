// spec/tanh.h, sigmoid.h and softcap.h: special values, worst errors against MPFR, and the bits.
#include "spec/tanh.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <vector>

#include "spec/bits.h"
#include "spec/exact.h"
#include "spec/pow.h"
#include "spec/sigmoid.h"
#include "spec/softcap.h"
#include "spec/sweep.h"

namespace verbatim::spec {
namespace {

TEST(Tanh, SpecialValues) {
  EXPECT_EQ(bits(tanh(0.0f)), bits(0.0f));
  EXPECT_EQ(bits(tanh(-0.0f)), bits(-0.0f));
  EXPECT_EQ(tanh(kInfinity32), 1);
  EXPECT_EQ(tanh(-kInfinity32), -1);
  EXPECT_EQ(tanh(std::numeric_limits<float>::max()), 1);
  EXPECT_TRUE(std::isnan(tanh(NAN)));
  EXPECT_EQ(bits(tanh(0x1p-149f)), 1u);  // subnormals are kept
  EXPECT_EQ(bits(tanh(-0x1.fffffep-13f)), bits(-0x1.fffffep-13f));
}

TEST(Tanh, WorstError) {
  constexpr double bound = 2.4984;  // stated in tanh.h
  WorstError worst;
  for_each_float(sweep_stride(), [&](float x) {
    if (x != x) return;
    const float y = tanh(x);
    double error = approximate_error_in_ulps(y, std::tanh(static_cast<double>(x)));
    if (error > bound - kApproximationError) error = error_in_ulps<float>(mpfr_tanh, x, y);
    worst.add(x, error);
  });
  EXPECT_LE(worst.error(), bound) << "tanh at " << std::hexfloat << worst.at() << " gives "
                                  << tanh(worst.at());
  std::printf("worst error %.6f ulp at %a\n", worst.error(), static_cast<double>(worst.at()));
}

TEST(Tanh, WorstArgument) {
  const float x = 0x1.205368p+2f;
  EXPECT_NEAR(error_in_ulps<float>(mpfr_tanh, x, tanh(x)), 2.498372, 1e-6);
}

TEST(Tanh, IsOddMonotoneAndAtMostOne) {
  for_each_float(sweep_stride(), [](float x) {
    if (!(x >= 0) || x == kInfinity32) return;
    const float y = tanh(x);
    ASSERT_EQ(bits(tanh(-x)), bits(-y)) << std::hexfloat << x;
    ASSERT_GE(tanh(std::nextafter(x, kInfinity32)), y) << "tanh falls after " << std::hexfloat << x;
    ASSERT_LE(y, 1.0f) << std::hexfloat << x;
  });
}

TEST(Tanh, Digest) {
  std::vector<float> results;
  for_each_float(4099, [&](float x) {
    if (x == x) results.push_back(tanh(x));
  });
  EXPECT_EQ(digest(results), "96bbf2d1a5c120fd43e2ed11e8f5b8640c17ba52b4d1bdb79666dc8e423e9991");
}

// 1 / (1 + e^-x).
int exact_sigmoid(mpfr_ptr to, mpfr_srcptr x, mpfr_rnd_t round) {
  mpfr_neg(to, x, round);
  mpfr_exp(to, to, round);
  mpfr_add_ui(to, to, 1, round);
  return mpfr_ui_div(to, 1, to, round);
}

TEST(Sigmoid, SpecialValues) {
  EXPECT_EQ(sigmoid(0.0f), 0.5f);
  EXPECT_EQ(sigmoid(kInfinity32), 1);
  EXPECT_EQ(bits(sigmoid(-kInfinity32)), bits(0.0f));
  EXPECT_TRUE(std::isnan(sigmoid(NAN)));
}

TEST(Sigmoid, WorstError) {
  constexpr double bound = 2.4808;  // stated in sigmoid.h
  WorstError worst;
  for_each_float(sweep_stride(), [&](float x) {
    if (!(x >= -87)) return;
    const float y = sigmoid(x);
    double error = approximate_error_in_ulps(y, 1 / (1 + std::exp(-static_cast<double>(x))));
    if (error > bound - 2 * kApproximationError) error = error_in_ulps<float>(exact_sigmoid, x, y);
    worst.add(x, error);
  });
  EXPECT_LE(worst.error(), bound);
  std::printf("worst error %.6f ulp at %a\n", worst.error(), static_cast<double>(worst.at()));
}

TEST(Softcap, StaysWithinItsCap) {
  for (const float cap : {1.0f, 30.0f, 50.0f}) {
    for_each_float(8 * 251, [&](float z) {
      if (!std::isfinite(z)) return;
      const float y = softcap(z, cap);
      ASSERT_LE(std::fabs(y), cap) << std::hexfloat << z;
      ASSERT_EQ(bits(y), bits(cap * tanh(z / cap))) << std::hexfloat << z;
      const double exact =
          static_cast<double>(cap) * std::tanh(static_cast<double>(z) / static_cast<double>(cap));
      const double room = std::fabs(z) > 0x1p-100f ? 3e-7 * std::fabs(exact) : 0x1p-120;
      ASSERT_NEAR(static_cast<double>(y), exact, room) << std::hexfloat << z;
    });
  }
  EXPECT_EQ(bits(softcap(-0.0f, 30)), bits(-0.0f));
}

// A value that overflowed is a fault, with and without a cap.
TEST(Softcap, DoesNotHideWhatIsNotFinite) {
  for (const float z : {kInfinity32, -kInfinity32, NAN}) EXPECT_TRUE(std::isnan(softcap(z, 30)));
}

}  // namespace
}  // namespace verbatim::spec
