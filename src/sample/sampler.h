// Sampler: spec/sampling.h, made fast: no sort of the vocabulary.
//
// The answer is spec::sample's for every input, ties included. A Sampler holds its exponential and scratch
// memory: the same call gives the same token whatever was sampled before. Not thread safe.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "sample/ranking.h"
#include "spec/sampling.h"

namespace verbatim {

using spec::AllowedTokens;
using spec::DrawPlace;
using spec::SamplingParams;
using spec::TokenCounts;

// Whether the parameters are in the ranges that SamplingParams states; errors name the field.
Status check_sampling(const SamplingParams& params, std::int64_t vocab);

// R5 and R6 of a row: e[i] = exp((v[i] - best) / temperature).   e: (v.size())
using ExpOfLogits = std::function<void(std::span<const float> v, float best, float temperature, float* e)>;

class Sampler {
 public:
  // exp: equal to the page's on bits, such as a backend's (ops.h)
  explicit Sampler(ExpOfLogits exp = exp_of_logits) : exp_(std::move(exp)) {}

  // Makes room for rows of `vocab` logits, so that sampling them allocates nothing.
  void reserve(std::size_t vocab);

  // logits: (vocab).  Error: a logit, or a logit after bias and penalties,
  // is not finite (the token is named).
  // REQUIRES: check_sampling(params, vocab) is ok; every token in counts < vocab; some token is allowed
  Result<std::int32_t> sample(std::span<const float> logits, const SamplingParams& params,
                              const TokenCounts& counts, DrawPlace place, AllowedTokens allowed = {});

 private:
  struct Candidate {
    RankKey key;
    std::uint64_t weight;
  };

  void leave_only(AllowedTokens allowed);
  std::int32_t choose(const SamplingParams& params, DrawPlace place);
  void rank(float best, const SamplingParams& params);
  std::uint64_t collect(float from, RankKey cut, float least);
  std::uint64_t weigh(float least);
  std::int32_t draw_of_all(float least, std::uint64_t x) const;

  // As the page has it.
  static void exp_of_logits(std::span<const float> v, float best, float temperature, float* e);

  ExpOfLogits exp_;
  // During a call: what is left of the row, logits after bias and penalties, of allowed tokens only.
  std::span<const float> v_;
  std::vector<float> values_;          // v_, where it is not the row as it came
  std::vector<std::int32_t> tokens_;   // the allowed tokens, where not all are
  std::vector<float> e_;               // of v_
  std::vector<std::uint64_t> blocks_;  // weight of each run of tokens
  std::vector<Candidate> candidates_;  // by increasing place in v_, each of weight > 0
  std::vector<Candidate> scratch_;
};

}  // namespace verbatim
