#include "sample/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

#include "base/row_scan.h"

namespace verbatim {

namespace {

constexpr std::size_t kBlock = 1024;  // tokens whose weight is summed before it is looked at

// R7, without the detour of a conversion to an unsigned integer.
inline std::uint64_t weight_of(float e) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(e * spec::kWeightUnit));
}

template <class Candidate>
std::uint64_t weight_of(const std::vector<Candidate>& candidates) {
  std::uint64_t sum = 0;
  for (const Candidate& c : candidates) sum += c.weight;
  return sum;
}

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

// The first value that is not finite.   REQUIRES: there is one
std::size_t non_finite_of(std::span<const float> values) {
  return static_cast<std::size_t>(std::ranges::find_if(values, [](float v) { return !std::isfinite(v); }) -
                                  values.begin());
}

}  // namespace

Status check_sampling(const SamplingParams& params, std::int64_t vocab) {
  auto at_least = [](float x, float low) { return std::isfinite(x) && x >= low; };
  if (!at_least(params.temperature, 0))
    return fail("temperature is {}, must be 0 or more", params.temperature);
  if (params.top_k < 0) return fail("top_k is {}, must be 0 (off) or more", params.top_k);
  if (!(params.top_p >= 0 && params.top_p <= 1)) return fail("top_p is {}, must be in [0, 1]", params.top_p);
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

void Sampler::reserve(std::size_t vocab) {
  values_.reserve(vocab);
  tokens_.reserve(vocab);
  e_.reserve(vocab);
  blocks_.reserve(vocab / kBlock + 1);
  candidates_.reserve(vocab);
  scratch_.reserve(vocab);
}

Result<std::int32_t> Sampler::sample(std::span<const float> logits, const SamplingParams& params,
                                     const TokenCounts& counts, DrawPlace place, AllowedTokens allowed) {
  CHECK(!logits.empty(), "a row of logits is empty");
  v_ = logits;
  bool finite = all_finite(v_);
  if (finite && (!params.logit_bias.empty() || params.uses_history())) {
    values_.assign(logits.begin(), logits.end());
    spec::adjust_logits(params, counts, values_.data());
    v_ = values_;
    finite = all_finite(v_);
  }
  if (!finite) {
    const std::size_t token = non_finite_of(v_);
    return fail("the logit of token {} at position {} is not finite ({})", token, place.position, v_[token]);
  }

  if (allowed.empty()) return choose(params, place);
  leave_only(allowed);
  return tokens_[static_cast<std::size_t>(choose(params, place))];
}

// F0. What follows sees a smaller vocabulary in the same order, so every tie and every sum is as the page has
// it.
void Sampler::leave_only(AllowedTokens allowed) {
  tokens_.clear();
  values_.resize(v_.size());  // whose places are written after they are read, where they are v_
  for (std::size_t word = 0; word < allowed.size(); ++word) {
    for (std::uint64_t bits = allowed[word]; bits != 0; bits &= bits - 1) {
      const std::size_t token = 64 * word + static_cast<std::size_t>(std::countr_zero(bits));
      if (token >= v_.size()) break;
      values_[tokens_.size()] = v_[token];
      tokens_.push_back(static_cast<std::int32_t>(token));
    }
  }
  CHECK(!tokens_.empty(), "no token of the vocabulary is allowed");
  v_ = std::span(values_).first(tokens_.size());
}

// Of v_, by its place there.
std::int32_t Sampler::choose(const SamplingParams& params, DrawPlace place) {
  const float best = largest(v_);
  if (params.temperature == 0)
    return static_cast<std::int32_t>(first_equal(v_, best));  // ties to the lower id

  e_.resize(v_.size());
  exp_(v_, best, params.temperature, e_.data());  // R5, R6
  const auto below = [&](std::uint64_t sum) { return spec::draw_below(sum, params.seed, place); };
  if (params.top_k == 0 && params.top_p == 1) return draw_of_all(params.min_p, below(weigh(params.min_p)));

  rank(best, params);
  std::uint64_t x = below(weight_of(candidates_));
  auto it = candidates_.begin();
  while (it->weight <= x) x -= it++->weight;
  return token_of(it->key);
}

// F1 to F3: candidates_ is what they leave.   REQUIRES: top_k or top_p is on
void Sampler::rank(float best, const SamplingParams& params) {
  std::uint64_t left = 0;  // weight, after F1 and F2
  if (params.top_k > 0) {
    const RankKey cut = best_keys(v_, static_cast<std::size_t>(params.top_k)).back();
    left = collect(v_[static_cast<std::size_t>(token_of(cut))], cut, params.min_p);
    if (params.top_p == 1) return;
  } else {
    left = weigh(params.min_p);
  }
  const std::uint64_t wanted = spec::nucleus_weight(left, params.top_p);
  // Few tokens weigh enough, most often: how far below the best one the cut lies is tried in doubling steps.
  for (float depth = 4; params.top_k == 0; depth *= 2)
    if (collect(best - depth * params.temperature, 0, params.min_p) >= wanted) break;
  scratch_.assign(candidates_.begin(), candidates_.end());  // F3
  const RankKey cut = find_cut(scratch_, wanted);
  std::erase_if(candidates_, [cut](const Candidate& c) { return c.key < cut; });
}

// Makes candidates_ of the tokens with v >= from, a key of `cut` or more and e >= least. Gives what they weigh. A weight of 0
// changes no sum and is never drawn, so its token is no candidate.
std::uint64_t Sampler::collect(float from, RankKey cut, float least) {
  candidates_.clear();
  std::uint64_t sum = 0;
  const auto any = [from](float v) { return v >= from ? 1u : 0u; };
  for (std::size_t begin = 0; begin < v_.size(); begin += kScanBlock) {
    const std::size_t end = std::min(begin + kScanBlock, v_.size());
    if (end - begin == kScanBlock && !any_of_block(v_, begin, any)) continue;
    for (std::size_t i = begin; i < end; ++i) {
      if (v_[i] < from || e_[i] < least) continue;
      const std::uint64_t weight = weight_of(e_[i]);
      const RankKey key = rank_key(v_[i], static_cast<std::int32_t>(i));
      if (weight == 0 || key < cut) continue;
      candidates_.push_back({key, weight});
      sum += weight;
    }
  }
  return sum;
}

// The weight of all tokens with e >= least, and of each block of it.
std::uint64_t Sampler::weigh(float least) {
  blocks_.clear();
  std::uint64_t total = 0;
  for (std::size_t begin = 0; begin < v_.size(); begin += kBlock) {
    std::uint64_t sum = 0;
    for (std::size_t i = begin; i < std::min(begin + kBlock, v_.size()); ++i)
      sum += e_[i] < least ? 0 : weight_of(e_[i]);
    blocks_.push_back(sum);
    total += sum;
  }
  return total;
}

// The first token at which the running sum of weights exceeds x.   REQUIRES: x < what weigh(least) gave
std::int32_t Sampler::draw_of_all(float least, std::uint64_t x) const {
  std::size_t block = 0;
  while (blocks_[block] <= x) x -= blocks_[block++];
  for (std::size_t i = block * kBlock;; ++i) {
    const std::uint64_t weight = e_[i] < least ? 0 : weight_of(e_[i]);
    if (weight > x) return static_cast<std::int32_t>(i);
    x -= weight;
  }
}

void Sampler::exp_of_logits(std::span<const float> v, float best, float temperature, float* e) {
  for (std::size_t i = 0; i < v.size(); ++i) e[i] = spec::exp(spec::relative_logit(v[i], best, temperature));
}

}  // namespace verbatim
