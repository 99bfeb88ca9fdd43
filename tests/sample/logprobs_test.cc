#include "sample/logprobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>

namespace verbatim {
namespace {

TEST(Logprobs, AreTheLogSoftmaxOfTheRawRowRankedWithTies) {
  std::mt19937 random(3);
  for (std::int64_t top_n : {0, 1, 5, 20, 3000, 5000}) {
    std::vector<float> z(3000), expected(z.size());
    for (float& v : z) v = static_cast<float>(random() % 50) / 8 - 3;  // many ties
    spec::log_softmax(z.data(), 3000, expected.data());
    std::vector<std::int32_t> ranking(z.size());
    for (std::size_t i = 0; i < ranking.size(); ++i) ranking[i] = static_cast<std::int32_t>(i);
    std::stable_sort(ranking.begin(), ranking.end(), [&](auto a, auto b) { return z[a] > z[b]; });

    Logprobs result = logprobs_of(z, spec::log_normaliser(z.data(), 3000), 1234, top_n);
    EXPECT_EQ(result.chosen.token, 1234);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(result.chosen.logprob),
              std::bit_cast<std::uint32_t>(expected[1234]));
    ASSERT_EQ(static_cast<std::int64_t>(result.top.size()), std::min<std::int64_t>(top_n, 3000));
    for (std::size_t i = 0; i < result.top.size(); ++i) {
      ASSERT_EQ(result.top[i].token, ranking[i]) << "rank " << i << " of " << top_n;
      ASSERT_EQ(result.top[i].logprob, expected[static_cast<std::size_t>(ranking[i])]);
    }
  }
}

}  // namespace
}  // namespace verbatim
