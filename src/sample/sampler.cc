#include "sample/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

namespace verbatim {

namespace {

// The lowest key of the shortest beginning of the ranking whose weight reaches `wanted`, one candidate at least.
// Candidates are reordered. Each round halves the range in which the cut lies, so the work is linear.
// REQUIRES: candidates is not empty and weighs `wanted` or more
template <class Candidate>
RankKey find_cut(std::vector<Candidate>& candidates, std::uint64_t wanted) {
  auto ranks_before = [](const Candidate& a, const Candidate& b) { return a.key > b.key; };
  auto begin = candidates.begin(), end = candidates.end();
  while (end - begin > 1) {
    auto middle = begin + (end - begin) / 2;
    std::nth_element(begin, middle, end, ranks_before);
    std::uint64_t upper = 0;
    for (auto it = begin; it != middle; ++it) upper += it->weight;
    if (upper >= wanted) {
      end = middle;
    } else {
      wanted -= upper;
      begin = middle;
    }
  }
  return begin->key;
}

// The first value that is not finite, or nullptr.
const float* find_non_finite(const std::vector<float>& values) {
  auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  return bad == values.end() ? nullptr : &*bad;
}

}  // namespace

Status check_sampling(const SamplingParams& params, std::int64_t vocab) {
  auto at_least = [](float x, float low) { return std::isfinite(x) && x >= low; };
  if (!at_least(params.temperature, 0))
    return fail("temperature is {}, must be 0 or more", params.temperature);
  if (params.top_k < 0) return fail("top_k is {}, must be 0 (off) or more", params.top_k);
  if (!(params.top_p > 0 && params.top_p <= 1)) return fail("top_p is {}, must be in (0, 1]", params.top_p);
  if (!(params.min_p >= 0 && params.min_p <= 1)) return fail("min_p is {}, must be in [0, 1]", params.min_p);
  if (!(at_least(params.repetition_penalty, 0) && params.repetition_penalty > 0))
    return fail("repetition_penalty is {}, must be more than 0", params.repetition_penalty);
  if (!std::isfinite(params.frequency_penalty))
    return fail("frequency_penalty is {}, must be finite", params.frequency_penalty);
  if (!std::isfinite(params.presence_penalty))
    return fail("presence_penalty is {}, must be finite", params.presence_penalty);
  std::set<std::int32_t> biased;
  for (auto [token, bias] : params.logit_bias) {
    if (token < 0 || token >= vocab)
      return fail("logit_bias names token {} of a vocabulary of {}", token, vocab);
    if (!std::isfinite(bias)) return fail("logit_bias of token {} is {}, must be finite", token, bias);
    if (!biased.insert(token).second) return fail("logit_bias names token {} twice", token);
  }
  return {};
}

Result<std::int32_t> Sampler::sample(std::span<const float> logits, const SamplingParams& params,
                                     const TokenCounts& counts, DrawPlace place, AllowedTokens allowed) {
  CHECK(!logits.empty(), "a row of logits is empty");
  values_.assign(logits.begin(), logits.end());
  const float* bad = find_non_finite(values_);
  if (bad == nullptr) {
    spec::adjust_logits(params, counts, values_.data());
    bad = find_non_finite(values_);
  }
  if (bad != nullptr)
    return fail("the logit of token {} at position {} is not finite ({})", bad - values_.data(),
                place.position, *bad);

  if (allowed.empty()) return choose(params, place);
  leave_only(allowed);
  return tokens_[static_cast<std::size_t>(choose(params, place))];
}

// F0. What follows sees a smaller vocabulary in the same order, so every tie and every sum is as the page has
// it.
void Sampler::leave_only(AllowedTokens allowed) {
  tokens_.clear();
  for (std::size_t word = 0; word < allowed.size(); ++word) {
    for (std::uint64_t bits = allowed[word]; bits != 0; bits &= bits - 1) {
      const std::size_t token = 64 * word + static_cast<std::size_t>(std::countr_zero(bits));
      if (token >= values_.size()) break;
      values_[tokens_.size()] = values_[token];
      tokens_.push_back(static_cast<std::int32_t>(token));
    }
  }
  CHECK(!tokens_.empty(), "no token of the vocabulary is allowed");
  values_.resize(tokens_.size());
}

// Of values_, by its place there.
std::int32_t Sampler::choose(const SamplingParams& params, DrawPlace place) {
  // The first of the largest: ties to the lower id.
  auto best = std::max_element(values_.begin(), values_.end());
  if (params.temperature == 0) return static_cast<std::int32_t>(best - values_.begin());

  weigh(*best, params);
  if (params.top_p < 1) {  // F3
    scratch_.assign(candidates_.begin(), candidates_.end());
    RankKey cut = find_cut(scratch_, spec::nucleus_weight(total_weight(), params.top_p));
    std::erase_if(candidates_, [cut](const Candidate& c) { return c.key < cut; });
  }
  return draw(params, place);
}

// F1, R5 .. R7, F2. A weight of 0 changes no sum and is never drawn, so its token is no candidate.
void Sampler::weigh(float best, const SamplingParams& params) {
  RankKey cut = params.top_k > 0 ? best_keys(values_, static_cast<std::size_t>(params.top_k)).back() : 0;
  e_.resize(values_.size());
  exp_(values_, best, params.temperature, e_.data());
  candidates_.clear();
  for (std::size_t i = 0; i < values_.size(); ++i) {
    std::uint64_t weight = spec::weight_of(e_[i]);
    if (weight == 0 || e_[i] < params.min_p) continue;
    RankKey key = rank_key(values_[i], static_cast<std::int32_t>(i));
    if (key >= cut) candidates_.push_back({key, weight});
  }
}

void Sampler::exp_of_logits(std::span<const float> v, float best, float temperature, float* e) {
  for (std::size_t i = 0; i < v.size(); ++i) e[i] = spec::exp(spec::relative_logit(v[i], best, temperature));
}

std::uint64_t Sampler::total_weight() const {
  std::uint64_t sum = 0;
  for (const Candidate& c : candidates_) sum += c.weight;
  return sum;
}

std::int32_t Sampler::draw(const SamplingParams& params, DrawPlace place) const {
  std::uint64_t x = spec::draw_below(total_weight(), params.seed, place), running = 0;
  auto it = candidates_.begin();
  while ((running += it->weight) <= x) ++it;
  return token_of(it->key);
}

}  // namespace verbatim
