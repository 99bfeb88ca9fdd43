#include "sample/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <set>

#include "base/row_scan.h"

namespace verbatim {

namespace {

constexpr std::size_t kBlock = 1024;  // tokens whose weight is summed before it is looked at

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
  Filter filter;
  filter.least = params.min_p;  // F2
  const auto end_with = [&](std::int32_t token) {
    filter.end_with(v_[static_cast<std::size_t>(token)], token);
  };
  if (params.top_k > 0)
    end_with(token_of(best_keys(v_, static_cast<std::size_t>(params.top_k)).back()));  // F1
  if (params.top_p < 1) end_with(last_of_nucleus(filter, best, params));               // F3
  return draw(filter, spec::draw_below(weigh(filter), params.seed, place));
}

// The last token, in the ranking, that F3 keeps of what is left. Tokens are dealt to buckets by how far they lie below the
// best one, so that every token of a bucket ranks before those of the next, and only one bucket has to be ranked.
std::int32_t Sampler::last_of_nucleus(Filter left, float best, const SamplingParams& params) {
  constexpr int kBuckets = 512;
  constexpr float kLeast = 28;  // exp(-28) weighs nothing: 2^-40 is exp(-27.7)
  const float scale = std::min(kBuckets / kLeast / params.temperature, 1e30f);
  const auto place_of = [&](std::size_t i) { return std::min((best - v_[i]) * scale, kBuckets - 1.0f); };

  std::array<std::uint64_t, kBuckets> bucket = {};
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < v_.size(); ++i) {
    const std::uint64_t weight = weight_of<false>(i, left);
    if (weight == 0) continue;
    bucket[static_cast<std::size_t>(static_cast<int>(place_of(i)))] += weight;
    total += weight;
  }

  std::uint64_t wanted = spec::nucleus_weight(total, params.top_p);
  int last = 0;
  while (bucket[static_cast<std::size_t>(last)] < wanted) wanted -= bucket[static_cast<std::size_t>(last++)];
  candidates_.clear();
  const auto from = static_cast<float>(last), to = static_cast<float>(last + 1);
  for (std::size_t i = 0; i < v_.size(); ++i) {
    const float at = place_of(i);
    if (!((at >= from) & (at < to))) continue;
    if (const std::uint64_t weight = weight_of<false>(i, left); weight != 0)
      candidates_.push_back({rank_key(v_[i], static_cast<std::int32_t>(i)), weight});
  }
  return token_of(find_cut(candidates_, wanted));
}

// R7, of a token that the filter keeps; else 0.
template <bool kAll>
std::uint64_t Sampler::weight_of(std::size_t i, Filter filter) const {
  // Without the detour that a conversion to an unsigned integer takes.
  const auto weight = static_cast<std::uint64_t>(static_cast<std::int64_t>(e_[i] * spec::kWeightUnit));
  if constexpr (kAll) return weight;
  return filter.keeps(v_[i], static_cast<std::int32_t>(i), e_[i]) ? weight : 0;
}

// The weight of all that the filter keeps, and of each block of it.
std::uint64_t Sampler::weigh(Filter filter) {
  blocks_.clear();
  std::uint64_t total = 0;
  const auto sum = [&]<bool kAll>(std::bool_constant<kAll>) {
    for (std::size_t begin = 0; begin < v_.size(); begin += kBlock) {
      std::uint64_t weight = 0;
      for (std::size_t i = begin; i < std::min(begin + kBlock, v_.size()); ++i)
        weight += weight_of<kAll>(i, filter);
      blocks_.push_back(weight);
      total += weight;
    }
  };
  filter.keeps_all() ? sum(std::true_type{}) : sum(std::false_type{});
  return total;
}

// The first token at which the running sum of weights exceeds x.   REQUIRES: x < what weigh(filter) gave
std::int32_t Sampler::draw(Filter filter, std::uint64_t x) const {
  std::size_t block = 0;
  while (blocks_[block] <= x) x -= blocks_[block++];
  std::size_t i = block * kBlock;
  for (std::uint64_t weight; (weight = weight_of<false>(i, filter)) <= x; ++i) x -= weight;
  return static_cast<std::int32_t>(i);
}

void Sampler::exp_of_logits(std::span<const float> v, float best, float temperature, float* e) {
  for (std::size_t i = 0; i < v.size(); ++i) e[i] = spec::exp(spec::relative_logit(v[i], best, temperature));
}

}  // namespace verbatim
