#include "sample/logprobs.h"

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "sample/ranking.h"

namespace verbatim {

namespace {

// The first n of the ranking, best first, in a heap of n: a key that does not enter costs one comparison.
std::vector<RankKey> best_keys(std::span<const float> values, std::size_t n) {
  std::vector<RankKey> heap;  // its front is the worst kept
  for (std::size_t i = 0; i < values.size() && n > 0; ++i) {
    RankKey key = rank_key(values[i], static_cast<std::int32_t>(i));
    if (heap.size() == n) {
      if (key < heap.front()) continue;
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      heap.pop_back();
    }
    heap.push_back(key);
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  }
  std::sort(heap.begin(), heap.end(), std::greater<>());
  return heap;
}

}  // namespace

Logprobs logprobs_of(std::span<const float> logits, const spec::LogNormaliser& normaliser,
                     std::int32_t chosen, std::int64_t top_n) {
  CHECK(chosen >= 0 && static_cast<std::size_t>(chosen) < logits.size(), "token {} of {}", chosen,
        logits.size());
  auto entry = [&](std::int32_t token) {
    return TokenLogprob{token, normaliser.log_probability(logits[static_cast<std::size_t>(token)])};
  };
  Logprobs result{entry(chosen), {}};
  for (RankKey key : best_keys(logits, static_cast<std::size_t>(std::max<std::int64_t>(top_n, 0))))
    result.top.push_back(entry(token_of(key)));
  return result;
}

}  // namespace verbatim
