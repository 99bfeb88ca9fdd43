// spec/log.h: its special values, its worst error and its bits.
#include "spec/log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "spec/bits.h"
#include "spec/exact.h"
#include "spec/sweep.h"

namespace verbatim::spec {
namespace {

TEST(Log, SpecialValues) {
  EXPECT_EQ(bits(log(1.0f)), bits(0.0f));
  EXPECT_EQ(bits(log(0.0f)), bits(-kInfinity32));
  EXPECT_EQ(bits(log(-0.0f)), bits(-kInfinity32));
  EXPECT_EQ(bits(log(kInfinity32)), bits(kInfinity32));
  for (float x : {-1.0f, -0x1p-149f, -kInfinity32, std::bit_cast<float>(0xffffffff),
                  std::bit_cast<float>(0x7f800001)}) {
    EXPECT_EQ(bits(log(x)), 0x7fc00000u) << "log(" << std::hexfloat << x << ")";
  }
}

// As close as a float32 can be: rounded to nearest.
TEST(Log, IsCorrectlyRounded) {
  WorstError worst;
  for_each_float(sweep_stride(), [&](float x) {
    if (!(x > 0) || x == kInfinity32) return;
    float y = log(x);
    double error = approximate_error_in_ulps(y, std::log(static_cast<double>(x)));
    if (error > 0.5 - kApproximationError) error = error_in_ulps<float>(mpfr_log, x, y);
    worst.add(x, error);
  });
  EXPECT_LE(worst.error(), 0.5) << "log at " << std::hexfloat << worst.at() << " gives " << log(worst.at());
  std::printf("worst error %.10f ulp at %a\n", worst.error(), static_cast<double>(worst.at()));
}

// The five float32 whose logarithm in double falls on a tie that the true logarithm misses
// by less than 1e-9 ulp.
TEST(Log, HardestRoundings) {
  for (float x : {0x1.827a74p-7f, 0x1.2f1fd6p+3f, 0x1.bacb4ap+25f, 0x1.b121a6p+76f, 0x1.6351d8p+95f}) {
    EXPECT_LT(error_in_ulps<float>(mpfr_log, x, log(x)), 0.5) << "log(" << std::hexfloat << x << ")";
  }
}

TEST(Log, Digest) {
  std::vector<float> results;
  for_each_float(4099, [&](float x) { results.push_back(log(x)); });
  EXPECT_EQ(digest(results), "97defe6ca2cbff78a070919e56e30a6afb70ae899104c70c26bc8bdd39cfbf6f");
}

}  // namespace
}  // namespace verbatim::spec
