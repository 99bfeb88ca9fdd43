// spec/rope.h: heads that turn in part, in both layouts; what a factor of infinity means; yarn's band with and without whole
// pairs. And the gains of spec/rms_norm.h, the factors of spec/scale.h.
#include "spec/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "spec/bits.h"
#include "spec/rms_norm.h"
#include "spec/scale.h"

namespace verbatim::spec {
namespace {

TEST(Rope, TurnsTheFirstDimensionsInPairsAndLeavesTheOthers) {
  constexpr std::int64_t kHeadDim = 20;
  for (const std::int64_t d : {2, 6, 10, 20}) {
    const std::vector<double> f = rope_frequencies(d, 1e4, {});
    std::vector<float> cosine(f.size()), sine(f.size());
    rope_row(f, 1, 77, cosine.data(), sine.data());
    for (const bool interleaved : {false, true}) {
      std::vector<float> x;
      for (std::int64_t i = 0; i < kHeadDim; ++i) x.push_back(static_cast<float>(i) * 0.37f - 2);
      const std::vector<float> before = x;
      rope(x.data(), d, interleaved, cosine.data(), sine.data());
      for (std::int64_t i = 0; i < d / 2; ++i) {
        const auto first = static_cast<std::size_t>(interleaved ? 2 * i : i);
        const auto second = static_cast<std::size_t>(interleaved ? 2 * i + 1 : i + d / 2);
        // The frequencies are those of a head of d dimensions.
        const double angle = 77 * std::pow(1e4, -2 * static_cast<double>(i) / static_cast<double>(d));
        const double x0 = before[first], x1 = before[second];
        ASSERT_NEAR(static_cast<double>(x[first]), x0 * std::cos(angle) - x1 * std::sin(angle), 2e-6);
        ASSERT_NEAR(static_cast<double>(x[second]), x1 * std::cos(angle) + x0 * std::sin(angle), 2e-6);
      }
      for (auto i = static_cast<std::size_t>(d); i < x.size(); ++i) ASSERT_EQ(bits(x[i]), bits(before[i]));
    }
  }
}

TEST(Rope, AnInfiniteFactorStopsItsPair) {
  RopeScaling scaling;
  scaling.frequency_factors = {1, 2, 1e30f, INFINITY};
  const std::vector<double> f = rope_frequencies(8, 1e6, scaling), plain = rope_frequencies(8, 1e6, {});
  EXPECT_EQ(f[0], plain[0]);
  EXPECT_EQ(f[1], plain[1] / 2);
  EXPECT_EQ(bits(f[2]), bits(0.0));
  EXPECT_EQ(bits(f[3]), bits(0.0));
  std::vector<float> cosine(4), sine(4);
  rope_row(f, 1, 123456, cosine.data(), sine.data());
  EXPECT_EQ(bits(cosine[2]), bits(1.0f));
  EXPECT_EQ(bits(sine[2]), bits(0.0f));
}

// gpt-oss: its band begins at pair 8.0928 and ends at 17.3980.
TEST(Rope, YarnKeepsFractionsWhereAsked) {
  RopeScaling scaling;
  scaling.kind = RopeScalingKind::yarn;
  scaling.factor = 32;
  scaling.original_context = 4096;
  const std::vector<double> whole = rope_frequencies(64, 150000, scaling);
  scaling.whole_pairs = false;
  const std::vector<double> exact = rope_frequencies(64, 150000, scaling);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const double f = std::pow(150000.0, -static_cast<double>(i) / 32);
    auto between = [&](double low, double high) {
      const double ramp = std::min(std::max((static_cast<double>(i) - low) / (high - low), 0.0), 1.0);
      return f / 32 * ramp + f * (1 - ramp);
    };
    ASSERT_NEAR(whole[i] / between(8, 18), 1, 1e-12) << i;
    ASSERT_NEAR(exact[i] / between(8.0928, 17.3980), 1, 1e-4) << i;
  }
  EXPECT_NE(whole[12], exact[12]);
}

TEST(RmsNorm, AGainAboutOneIsOneAddition) {
  EXPECT_EQ(gain_about_one(0.5f), 1.5f);
  EXPECT_EQ(bits(gain_about_one(0x1p-24f)), bits(1.0f));  // half a last place, to even
  EXPECT_EQ(bits(gain_about_one(-1)), bits(0.0f));
}

TEST(RmsNorm, AGainOfOnesIsNone) {
  std::vector<float> x, ones(100, 1.0f), y(100);
  for (int i = 0; i < 100; ++i) x.push_back(std::sin(static_cast<float>(i)) * 3);
  rms_norm(x.data(), ones.data(), 1e-6f, 100, y.data());
  const float r = rms_reciprocal(lanes64_sum_of_squares(x.data(), 100), 100, 1e-6f);
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(bits(y[i]), bits(x[i] * r));
}

// The branch is rounded before it is added: no fma.
TEST(Scale, RoundsTheBranchFirst) {
  const float s = 1 + 0x1p-12f, branch = 1 + 0x1p-12f;  // their product is 1 + 2^-11 + 2^-24, a tie to even
  EXPECT_EQ(bits(scaled(branch, s)), bits(1 + 0x1p-11f));
  EXPECT_EQ(bits(add_scaled(-(1 + 0x1p-11f), branch, s)), bits(0.0f));
  for (const float x : {0.0f, -0.0f, 0x1p-149f, -3.3f, 3e38f}) EXPECT_EQ(bits(scaled(x, 1)), bits(x));
}

}  // namespace
}  // namespace verbatim::spec
