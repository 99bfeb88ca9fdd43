// Logprobs: log-probabilities of one row, for answers and prompts alike.
//
// They are log_softmax of the raw logits (spec/log_softmax.h), before bias, penalties, temperature and
// filters: what the model says, not what the sampler was told to do with it. One function serves decoded
// tokens and prompt tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spec/log_softmax.h"

namespace verbatim {

struct TokenLogprob {
  std::int32_t token = 0;
  float logprob = 0;
};

struct Logprobs {
  TokenLogprob chosen;
  std::vector<TokenLogprob> top;  // most likely first, ties to the lower id
};

// logits: (vocab), finite; normaliser: of this row.  top_n beyond the vocabulary gives the whole of it.
// REQUIRES: 0 <= chosen < vocab
Logprobs logprobs_of(std::span<const float> logits, const spec::LogNormaliser& normaliser,
                     std::int32_t chosen, std::int64_t top_n);

}  // namespace verbatim
