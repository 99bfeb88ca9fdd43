// The fast sampler against spec/sampling.h, and the spec against what its page says.
#include "sample/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace verbatim {
namespace {

std::vector<float> random_logits(std::mt19937& random, std::size_t vocab, int distinct_values) {
  std::vector<float> z(vocab);
  std::normal_distribution<float> normal(0, 3);
  for (float& v : z) v = normal(random);
  if (distinct_values > 0) {  // many ties
    std::vector<float> palette(z.begin(), z.begin() + distinct_values);
    for (float& v : z) v = palette[random() % palette.size()];
    z[random() % vocab] = -0.0f;
    z[random() % vocab] = 0.0f;
  }
  return z;
}

template <class T>
T one_of(std::mt19937& random, std::initializer_list<T> values) {
  return *(values.begin() + random() % values.size());
}

SamplingParams random_params(std::mt19937& random, std::size_t vocab) {
  SamplingParams p;
  p.temperature = one_of(random, {0.0f, 1e-6f, 0.3f, 0.7f, 1.0f, 1.9f, 50.0f});
  p.top_k = one_of<std::int64_t>(random, {0, 0, 1, 2, 7, 40, static_cast<std::int64_t>(vocab), 1 << 20});
  p.top_p = one_of(random, {1.0f, 1.0f, 0.0f, 1e-12f, 0.1f, 0.5f, 0.9f, 0.95f, 0.999999f});
  p.min_p = one_of(random, {0.0f, 0.0f, 1e-4f, 0.05f, 0.5f, 1.0f});
  p.repetition_penalty = one_of(random, {1.0f, 1.0f, 1.1f, 0.8f, 2.0f});
  p.frequency_penalty = one_of(random, {0.0f, 0.0f, 0.3f, -0.5f});
  p.presence_penalty = one_of(random, {0.0f, 0.0f, 0.6f, -1.0f});
  for (std::size_t i = 0; i < random() % 4; ++i) {
    float bias = one_of(random, {-100.0f, 5.0f, 0.25f});
    p.logit_bias.push_back({static_cast<std::int32_t>(random() % (vocab / 4) + i * (vocab / 4)), bias});
  }
  p.seed = random();
  return p;
}

TokenCounts random_counts(std::mt19937& random, std::size_t vocab) {
  TokenCounts counts;
  for (std::size_t i = 0; i < random() % 30; ++i)
    counts[static_cast<std::int32_t>(random() % vocab)] = static_cast<std::int32_t>(random() % 4);
  return counts;
}

// Empty: every token is allowed. Else one token at least.
std::vector<std::uint64_t> random_mask(std::mt19937& random, std::size_t vocab) {
  const unsigned one_in = one_of(random, {0u, 0u, 1u, 2u, 50u, 100000u});
  if (one_in == 0) return {};
  // Words that reach beyond the vocabulary or end before it.
  std::vector<std::uint64_t> mask(
      one_of<std::size_t>(random, {(vocab + 63) / 64, vocab / 64 + 3, vocab / 128 + 1}));
  for (std::size_t i = 0; i < 64 * mask.size(); ++i)
    if (random() % one_in == 0) mask[i / 64] |= std::uint64_t{1} << (i % 64);
  const std::size_t sure = random() % std::min(vocab, 64 * mask.size());
  mask[sure / 64] |= std::uint64_t{1} << (sure % 64);
  return mask;
}

TEST(Sampler, EqualsTheFullSortOnRandomRows) {
  std::mt19937 random(1);
  Sampler sampler;
  int drew_other_than_best = 0, masked = 0, drew_other_than_unmasked = 0;
  for (int round = 0; round < 4000; ++round) {
    std::size_t vocab = one_of<std::size_t>(random, {4, 5, 33, 257, 1000});
    std::vector<float> z = random_logits(random, vocab, one_of(random, {0, 1, 2, 4}));
    SamplingParams params = random_params(random, vocab);
    TokenCounts counts = random_counts(random, vocab);
    ASSERT_TRUE(check_sampling(params, static_cast<std::int64_t>(vocab)).ok());
    DrawPlace place{random(), random() % 4};
    std::vector<std::uint64_t> mask = random_mask(random, vocab);
    Result<std::int32_t> fast = sampler.sample(z, params, counts, place, mask);
    std::optional<std::int32_t> plain = spec::sample(z, params, counts, place, mask);
    ASSERT_TRUE(fast.ok() && plain);
    ASSERT_TRUE(spec::is_allowed(mask, static_cast<std::size_t>(*fast)));
    ASSERT_EQ(*fast, *plain) << "round " << round << " vocab " << vocab << " temperature "
                             << params.temperature << " top_k " << params.top_k << " top_p " << params.top_p
                             << " min_p " << params.min_p;
    masked += mask.empty() ? 0 : 1;
    if (*spec::sample(z, params, counts, place) != *plain) ++drew_other_than_unmasked;
    params.temperature = 0;
    if (*spec::sample(z, params, counts, place, mask) != *plain) ++drew_other_than_best;
  }
  EXPECT_GT(masked, 2000);
  EXPECT_GT(drew_other_than_unmasked, 1000);
  EXPECT_GT(drew_other_than_best, 500);
}

TEST(Sampler, EqualsTheFullSortOnALargeVocabulary) {
  std::mt19937 random(2);
  Sampler sampler;
  for (int round = 0; round < 40; ++round) {
    std::vector<float> z = random_logits(random, 151936, one_of(random, {0, 3, 1000}));
    SamplingParams params = random_params(random, z.size());
    TokenCounts counts = random_counts(random, z.size());
    DrawPlace place{random(), 0};
    std::vector<std::uint64_t> mask = random_mask(random, z.size());
    ASSERT_EQ(*sampler.sample(z, params, counts, place, mask), *spec::sample(z, params, counts, place, mask))
        << round;
  }
}

// Refused tokens count in no filter: the best of the others has e = 1, and top_k and top_p see the others.
TEST(Sampler, RefusedTokensAreAsIfTheyWereNotThere) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<float> z = random_logits(random, 60, one_of(random, {0, 3})), rest;
    SamplingParams params = random_params(random, z.size());
    params.logit_bias.clear();
    std::vector<std::uint64_t> mask = {random()};
    if ((mask[0] & ((std::uint64_t{1} << 60) - 1)) == 0) mask[0] = 1;
    std::vector<std::int32_t> ids;
    for (std::size_t i = 0; i < z.size(); ++i) {
      if (!spec::is_allowed(mask, i)) continue;
      rest.push_back(z[i]);
      ids.push_back(static_cast<std::int32_t>(i));
    }
    DrawPlace place{random(), 0};
    EXPECT_EQ(*Sampler().sample(z, params, {}, place, mask),
              ids[static_cast<std::size_t>(*Sampler().sample(rest, params, {}, place))]);
  }
}

TEST(Sampler, ARefusedTokenMustBeFiniteAllTheSame) {
  std::vector<float> z = {0, NAN, 1};
  const std::uint64_t mask[] = {0b101};
  EXPECT_FALSE(Sampler().sample(z, {}, {}, {}, mask).ok());
  EXPECT_FALSE(spec::sample(z, {}, {}, {}, mask));
}

TEST(Sampler, TiesGoToTheLowerToken) {
  std::vector<float> z = {1, 3, -0.0f, 3, 0.0f, 3};
  SamplingParams params;
  params.temperature = 0;
  EXPECT_EQ(*Sampler().sample(z, params, {}, {}), 1);
  params.temperature = 1;
  params.top_k = 2;  // of the three equal tokens, 1 and 3 stay
  int seen[6] = {};
  for (std::uint64_t position = 0; position < 200; ++position)
    ++seen[*Sampler().sample(z, params, {}, {position, 0})];
  EXPECT_GT(seen[1], 50);
  EXPECT_GT(seen[3], 50);
  EXPECT_EQ(seen[1] + seen[3], 200);
  std::vector<float> zeros = {-0.0f, 0.0f};  // +0 and -0 are one value
  params.top_k = 1;
  EXPECT_EQ(*Sampler().sample(zeros, params, {}, {}), 0);
}

// Frequencies of 40,000 draws against the exact probabilities: a chi-square of 6 degrees of freedom stays
// below 33 with probability 1 - 1e-5; the draws are fixed, so this is one number that either holds or does
// not.
TEST(Sampler, DrawsFollowTheSoftmax) {
  std::vector<float> z = {0.5f, 2, -1, 1.25f, 0, 2.5f, 1};
  SamplingParams params;
  params.temperature = 0.8f;
  params.seed = 7;
  const int draws = 40000;
  std::vector<int> seen(z.size());
  for (std::uint64_t position = 0; position < draws; ++position)
    ++seen[static_cast<std::size_t>(*Sampler().sample(z, params, {}, {position, 0}))];
  double total = 0, chi_square = 0;
  for (float v : z) total += std::exp(v / 0.8);
  for (std::size_t i = 0; i < z.size(); ++i) {
    double expected = draws * std::exp(z[i] / 0.8) / total;
    chi_square += (seen[i] - expected) * (seen[i] - expected) / expected;
  }
  EXPECT_LT(chi_square, 33);
}

// Tokens too rare for a float32 running sum are drawn all the same, where the generator says so.
TEST(Sampler, TailBelowFloatResolutionIsDrawn) {
  std::vector<float> z(100000, -18.0f);  // each weighs 2^-26 of the best, together 0.15 %
  z[0] = 0;
  SamplingParams params;
  std::uint64_t position = 0;
  while (spec::uniform(params.seed, position, 0) < 0.9995f) ++position;
  EXPECT_GT(*Sampler().sample(z, params, {}, {position, 0}), 50000);
  while (spec::uniform(params.seed, position, 0) > 0.998f) ++position;
  EXPECT_EQ(*Sampler().sample(z, params, {}, {position, 0}), 0);
}

TEST(Sampler, PenaltiesFollowThePage) {
  SamplingParams params;
  params.repetition_penalty = 2;
  params.frequency_penalty = 0.5f;
  params.presence_penalty = 0.25f;
  params.logit_bias = {{0, 1.0f}};
  std::vector<float> v = {3, -3, 3, 3};
  spec::adjust_logits(params, {{0, 3}, {1, 1}, {2, 0}}, v.data());
  EXPECT_EQ(v, (std::vector<float>{(3.0f + 1) / 2 - 1.5f - 0.25f, -6 - 0.5f - 0.25f, 1.5f, 3}));
}

TEST(Sampler, NucleusKeepsTheTokenThatReachesTheShare) {
  std::vector<float> z(4, 0);  // four equal weights
  auto kept = [&](float top_p) {
    SamplingParams params;
    params.top_p = top_p;
    std::int32_t highest = 0;
    for (std::uint64_t position = 0; position < 300; ++position)
      highest = std::max(highest, *Sampler().sample(z, params, {}, {position, 0}));
    return highest + 1;
  };
  EXPECT_EQ(kept(0.25f), 1);
  EXPECT_EQ(kept(std::nextafter(0.25f, 1.0f)), 2);
  EXPECT_EQ(kept(0.5f), 2);
  EXPECT_EQ(kept(0.75f), 3);
  EXPECT_EQ(kept(0.8f), 4);
}

TEST(Sampler, SeedPositionAndChoiceEachChangeTheDraw) {
  std::vector<float> z(1000, 0);
  auto draw = [&](std::uint64_t seed, std::uint64_t position, std::uint64_t choice) {
    SamplingParams params;
    params.seed = seed;
    return *Sampler().sample(z, params, {}, {position, choice});
  };
  std::int32_t base = draw(1, 2, 3);
  EXPECT_EQ(draw(1, 2, 3), base);
  EXPECT_NE(draw(2, 2, 3), base);
  EXPECT_NE(draw(1, 3, 3), base);
  EXPECT_NE(draw(1, 2, 4), base);
}

TEST(Sampler, NonFiniteLogitsAreAnErrorThatNamesTheToken) {
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    for (float temperature : {0.0f, 1.0f}) {
      std::vector<float> z(100, 1);
      z[63] = bad;
      SamplingParams params;
      params.temperature = temperature;
      Result<std::int32_t> token = Sampler().sample(z, params, {}, {17, 0});
      ASSERT_FALSE(token.ok());
      EXPECT_NE(token.error().message.find("token 63 at position 17"), std::string::npos)
          << token.error().message;
      EXPECT_FALSE(spec::sample(z, params, {}, {17, 0}));
    }
  }
  std::vector<float> z(4, 3e38f);  // finite, but not after the bias
  SamplingParams params;
  params.logit_bias = {{2, 3e38f}};
  EXPECT_FALSE(Sampler().sample(z, params, {}, {}).ok());
  EXPECT_FALSE(spec::sample(z, params, {}, {}));
}

TEST(Sampler, ExtremeButFiniteLogits) {
  std::vector<float> z = {-3e38f, 3e38f, 0};  // their difference overflows
  for (float temperature : {1e-30f, 1.0f, 1e30f}) {
    SamplingParams params;
    params.temperature = temperature;
    std::int32_t token = *Sampler().sample(z, params, {}, {5, 0});
    EXPECT_EQ(token, *spec::sample(z, params, {}, {5, 0}));
    EXPECT_EQ(token, 1);
  }
}

TEST(CheckSampling, NamesTheField) {
  struct Case {
    const char* field;
    void (*spoil)(SamplingParams&);
  };
  const Case cases[] = {
      {"temperature", [](SamplingParams& p) { p.temperature = -1; }},
      {"temperature", [](SamplingParams& p) { p.temperature = NAN; }},
      {"top_k", [](SamplingParams& p) { p.top_k = -1; }},
      {"top_p", [](SamplingParams& p) { p.top_p = -1e-9f; }},
      {"top_p", [](SamplingParams& p) { p.top_p = NAN; }},
      {"min_p", [](SamplingParams& p) { p.min_p = 1.5f; }},
      {"repetition_penalty", [](SamplingParams& p) { p.repetition_penalty = 0; }},
      {"frequency_penalty", [](SamplingParams& p) { p.frequency_penalty = INFINITY; }},
      {"presence_penalty", [](SamplingParams& p) { p.presence_penalty = NAN; }},
      {"logit_bias",
       [](SamplingParams& p) {
         p.logit_bias = {{10, 1.0f}};
       }},
      {"logit_bias",
       [](SamplingParams& p) {
         p.logit_bias = {{1, NAN}};
       }},
      {"logit_bias",
       [](SamplingParams& p) {
         p.logit_bias = {{1, 1.0f}, {1, 2.0f}};
       }},
  };
  for (const Case& c : cases) {
    SamplingParams params;
    ASSERT_TRUE(check_sampling(params, 10).ok());
    c.spoil(params);
    Status status = check_sampling(params, 10);
    ASSERT_FALSE(status.ok()) << c.field;
    EXPECT_EQ(status.error().message.find(c.field), 0u) << status.error().message;
  }
}

}  // namespace
}  // namespace verbatim
