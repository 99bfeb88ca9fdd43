// Two paths to the same probabilities: prefill and decode, sampler and scorer. Where they disagree, training on what was
// sampled is off-policy without knowing it.
#pragma once

#include <span>

#include "engine/loaded_model.h"
#include "lab/finding.h"

namespace verbatim::lab {

// Kullback-Leibler divergence of softmax(p) from softmax(q), in nats, in double.   p, q: logits (vocab), finite
double kl_divergence(std::span<const float> p, std::span<const float> q);

// Rows of logits of the same positions, computed in two ways.   a, b: (positions, vocab)
//   tokens: the token that follows each position, for the drift of its log-probability
Agreement compare_rows(std::span<const float> a, std::span<const float> b, std::int64_t vocab,
                       std::span<const std::int32_t> tokens);

// All positions of `tokens` in one step against one position a step.
Agreement prefill_against_decode(LoadedModel& model, const std::vector<std::int32_t>& tokens);

// Log-probabilities of a sampled answer as the sampler reports them, drawn beside others at temperature 1, against the
// same tokens scored as a prompt.
Agreement sampler_against_scorer(LoadedModel& model, const std::string& prompt, std::int64_t tokens,
                                 std::uint64_t seed);

}  // namespace verbatim::lab
