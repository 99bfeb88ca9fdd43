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

// The same, held by someone else.
struct LogprobsView {
  LogprobsView(TokenLogprob of_chosen, std::span<const TokenLogprob> of_top)
      : chosen(of_chosen), top(of_top) {}
  LogprobsView(const Logprobs& held) : LogprobsView(held.chosen, held.top) {}

  TokenLogprob chosen;
  std::span<const TokenLogprob> top;
};

// The log-probabilities of many rows side by side, 8 bytes a token.
class LogprobRows {
 public:
  LogprobRows() = default;
  explicit LogprobRows(const std::vector<Logprobs>& rows) {
    for (const Logprobs& row : rows) push(row);
  }
  // REQUIRES: as many in row.top as the rows before have
  void push(const LogprobsView& row);

  std::size_t size() const { return held_.size() / width_; }
  LogprobsView operator[](std::size_t i) const {
    const auto row = std::span(held_).subspan(i * width_, width_);
    return {row.front(), row.subspan(1)};
  }
  std::size_t bytes() const { return held_.capacity() * sizeof(TokenLogprob); }

 private:
  std::size_t width_ = 1;           // of a row
  std::vector<TokenLogprob> held_;  // of each row the chosen, then the top
};

// logits: (vocab), finite; normaliser: of this row.  top_n beyond the vocabulary gives the whole of it.
// REQUIRES: 0 <= chosen < vocab
Logprobs logprobs_of(std::span<const float> logits, const spec::LogNormaliser& normaliser,
                     std::int32_t chosen, std::int64_t top_n);

}  // namespace verbatim
