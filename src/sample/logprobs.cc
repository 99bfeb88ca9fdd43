#include "sample/logprobs.h"

#include <algorithm>

#include "base/check.h"
#include "sample/ranking.h"

namespace verbatim {

void LogprobRows::push(const LogprobsView& row) {
  if (held_.empty()) width_ = 1 + row.top.size();
  CHECK(width_ == 1 + row.top.size(), "{} alternatives beside rows of {}", row.top.size(), width_ - 1);
  held_.push_back(row.chosen);
  held_.insert(held_.end(), row.top.begin(), row.top.end());
}

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
