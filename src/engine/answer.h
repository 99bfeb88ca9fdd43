// Answer: the state of one answer (choice) of a request while it grows:
// its tokens' counts, its text, where it stands in its constraint, its witness.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "constrain/constraint.h"
#include "engine/stop_matcher.h"
#include "engine/token_sink.h"
#include "tokenizer/incremental_decoder.h"

namespace verbatim {

class Answer {
 public:
  // tokenizer: may be nullptr: then there is no text, and must be no constraint.
  Answer(const GenerateRequest& request, std::int64_t choice, const Tokenizer* tokenizer);

  const GenerateRequest& request() const { return request_; }
  std::int64_t choice() const { return choice_; }
  std::int64_t tokens() const { return tokens_; }
  const TokenCounts& counts() const { return counts_; }

  // The tokens that may be drawn next, as spec::AllowedTokens has them. No words: every token, as it is without a constraint
  // once min_tokens are there. No bit set: the vocabulary has no way to go on.
  void allowed_tokens(std::int64_t vocab, TokenBits& bits) const;
  // Every token may be drawn next, and parameters, seed and place alone decide which: ops.h's PlainDraw.
  bool draws_are_plain() const;
  // Whether allowed_tokens() takes no time to speak of; if not, mask_job() finds what it needs, for set_mask().
  bool finds_allowed(std::size_t most_work) { return !constraint_ || constraint_->find_allowed(most_work); }
  MaskJob mask_job() const { return constraint_->job(); }
  void set_mask(std::shared_ptr<const TokenBits> mask) { constraint_->set_allowed(std::move(mask)); }
  // The constraint, if there is one, lets the text end here.
  bool is_complete() const { return !constraint_ || constraint_->may_end(); }

  // Takes in a drawn token; gives the text that it makes certain. A stop token has no text.
  std::string accept(std::int32_t token);
  // Why the answer ends with the token just accepted, if it does:
  // `reason`, `stop_token`, `stop_string` are set.
  std::optional<Finish> ending() const;
  // What was held back.
  std::string flush();

  Witness witness;

 private:
  bool is_stop(std::int32_t token) const;

  const GenerateRequest& request_;
  const Tokenizer* tokenizer_;
  std::int64_t choice_ = 0;
  std::int64_t tokens_ = 0;
  std::int32_t last_ = -1;
  TokenCounts counts_;
  std::optional<IncrementalDecoder> decoder_;
  StopMatcher stops_;
  std::optional<ConstraintState> constraint_;
};

}  // namespace verbatim
