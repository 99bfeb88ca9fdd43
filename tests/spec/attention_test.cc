// spec/attention.h against softmax in double: a model's own scale, capped scores and sinks; and that nothing of it moves a bit
// where a model has none of them.
#include "spec/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <random>
#include <vector>

#include "spec/bits.h"

namespace verbatim::spec {
namespace {

constexpr std::int64_t kHeadDim = 16, kCachedTokens = 300;

// One query and a cache, quantised, and what their integers mean.
struct AttentionProblem {
  explicit AttentionProblem(float spread) {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> of(-spread, spread);
    auto fill = [&](std::vector<std::int16_t>& q, std::vector<float>& scale, std::int64_t rows) {
      q.resize(static_cast<std::size_t>(rows * kHeadDim));
      for (std::int64_t t = 0; t < rows; ++t) {
        float x[kHeadDim];
        for (float& value : x) value = of(random);
        scale.push_back(quantise(x, kHeadDim, 2, q.data() + t * kHeadDim).scale);
      }
    };
    fill(query, query_scale, 1);
    fill(keys, key_scale, kCachedTokens);
    fill(values, value_scale, kCachedTokens);
  }

  std::vector<float> attend(std::int64_t position, std::int64_t window, const ScoreForm& form,
                            std::optional<float> sink) const {
    std::vector<float> out(kHeadDim);
    attention(query.data(), query_scale[0], {keys.data(), key_scale.data()},
              {values.data(), value_scale.data()}, kHeadDim, 2, 1, position, window, out.data(), form, sink);
    return out;
  }

  double score(std::int64_t t) const {
    double dot = 0;
    for (std::int64_t j = 0; j < kHeadDim; ++j)
      dot += static_cast<double>(query[static_cast<std::size_t>(j)]) *
             static_cast<double>(keys[static_cast<std::size_t>(t * kHeadDim + j)]);
    return dot * static_cast<double>(query_scale[0]) *
           static_cast<double>(key_scale[static_cast<std::size_t>(t)]);
  }

  std::vector<double> exact(std::int64_t position, std::int64_t window, const ScoreForm& form,
                            std::optional<float> sink) const {
    std::vector<double> out(kHeadDim);
    double sum = sink ? std::exp(static_cast<double>(*sink)) : 0;
    for (std::int64_t t = first_visible(position, window); t <= position; ++t) {
      double a = score(t) * (form.scale ? static_cast<double>(*form.scale) : 1 / std::sqrt(kHeadDim));
      const double cap = form.cap;
      if (cap > 0) a = cap * std::tanh(a / cap);
      const double p = std::exp(a);
      sum += p;
      for (std::int64_t j = 0; j < kHeadDim; ++j)
        out[static_cast<std::size_t>(j)] +=
            p * static_cast<double>(value_scale[static_cast<std::size_t>(t)]) *
            static_cast<double>(values[static_cast<std::size_t>(t * kHeadDim + j)]);
    }
    for (double& x : out) x /= sum;
    return out;
  }

  std::vector<std::int16_t> query, keys, values;
  std::vector<float> query_scale, key_scale, value_scale;
};

TEST(AttentionPage, IsItsFormula) {
  const AttentionProblem problem(2);
  const ScoreForm forms[] = {{}, {0.5f, 0}, {1.0f, 0}, {{}, 3}, {0.7f, 2}};
  const std::optional<float> sinks[] = {{}, -1.0f, 0.0f, 4.0f};
  for (const ScoreForm& form : forms) {
    for (const std::optional<float> sink : sinks) {
      for (const std::int64_t window : {0, 100, 128}) {
        for (const std::int64_t position : {0, 5, 127, 128, 299}) {
          const std::vector<float> out = problem.attend(position, window, form, sink);
          const std::vector<double> exact = problem.exact(position, window, form, sink);
          for (std::size_t j = 0; j < out.size(); ++j)
            ASSERT_NEAR(static_cast<double>(out[j]), exact[j], 3e-4)
                << "position " << position << ", window " << window << ", cap " << form.cap << ", sink "
                << sink.value_or(NAN);
        }
      }
    }
  }
}

TEST(AttentionPage, ItsOwnScaleIsTheUsualOneWhereEqual) {
  const AttentionProblem problem(3);
  const std::vector<float> usual = problem.attend(299, 0, {}, {}),
                           own = problem.attend(299, 0, {0.25f, 0}, {});
  for (std::size_t j = 0; j < usual.size(); ++j) ASSERT_EQ(bits(usual[j]), bits(own[j]));
}

// A sink of -infinity takes nothing. The chain then joins its first block to nothing, which is exact.
TEST(AttentionPage, ASinkThatTakesNothingChangesNoBit) {
  const AttentionProblem problem(3);
  for (const std::int64_t position : {3, 299}) {
    const std::vector<float> without = problem.attend(position, 0, {}, {});
    const std::vector<float> with = problem.attend(position, 0, {}, -INFINITY);
    for (std::size_t j = 0; j < with.size(); ++j) ASSERT_EQ(bits(without[j]), bits(with[j]));
  }
}

TEST(AttentionPage, ALargeSinkTakesAll) {
  for (const float x : AttentionProblem(2).attend(299, 0, {}, 1e4f)) EXPECT_EQ(x, 0);
}

// The sink is the chain's beginning, not its end: merging is not associative on bits.
TEST(AttentionPage, TheChainBeginsWithTheSink) {
  const AttentionProblem problem(2);
  constexpr float kSink = 0.3f;
  const float row_scale = problem.query_scale[0] * attention_scale(kHeadDim, 1);
  AttentionBlock chain{kSink, 1, std::vector<float>(kHeadDim, 0.0f)};
  for (std::int64_t begin = 0; begin < kCachedTokens; begin += kAttentionBlock) {
    merge(chain,
          attend_block(problem.query.data(), row_scale, {problem.keys.data(), problem.key_scale.data()},
                       {problem.values.data(), problem.value_scale.data()}, kHeadDim, 2, begin,
                       std::min(begin + kAttentionBlock, kCachedTokens)));
  }
  const std::vector<float> out = problem.attend(kCachedTokens - 1, 0, {}, kSink);
  for (std::size_t j = 0; j < out.size(); ++j) ASSERT_EQ(bits(out[j]), bits(chain.o[j] / chain.l));
}

// Scores that are not numbers are seen in the result, with a sink or a cap as without.
TEST(AttentionPage, FaultsReachTheResult) {
  AttentionProblem problem(2);
  problem.key_scale[1] = NAN;
  for (const ScoreForm& form : {ScoreForm{}, ScoreForm{{}, 30}}) {
    for (const std::optional<float> sink : {std::optional<float>{}, std::optional<float>{2.0f}}) {
      for (const float x : problem.attend(299, 0, form, sink)) EXPECT_TRUE(std::isnan(x));
    }
  }
  // An infinite score under a cap is no cap.
  problem.key_scale[1] = INFINITY;
  for (const float x : problem.attend(299, 0, {{}, 30}, {})) EXPECT_TRUE(std::isnan(x));
}

}  // namespace
}  // namespace verbatim::spec
