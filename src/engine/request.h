// GenerateRequest: one prompt and what is wanted of it. A plain value; Engine::submit checks it.
//
// The answer is a function of the model and of this value. `draft`, `owner`, `prefix_namespace`, `use_prefix_cache`
// and `max_chunk` change when work happens, never a bit of it; the last two are there for tests and for `score`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "constrain/constraint.h"
#include "sample/sampler.h"
#include "schedule/fair_share.h"

namespace verbatim {

struct GenerateRequest {
  std::vector<std::int32_t> prompt;  // token ids, not empty
  std::int64_t max_tokens = 16;      // of each answer; 0: the prompt is computed and nothing is drawn
  std::int64_t n = 1;                // answers to this prompt; answer c draws from random stream c
  SamplingParams sampling;

  // No stop token is drawn before an answer has so many, and stop strings are looked for in what comes after them; a
  // constraint whose text is complete ends the answer all the same.
  std::int64_t min_tokens = 0;
  std::vector<std::int32_t> stop_tokens;  // end an answer, besides the model's own
  // End an answer where its text first holds one; not part of the text.
  std::vector<std::string> stop_strings;
  bool ignore_eos = false;   // the model's own stop tokens do not end an answer
  bool skip_special = true;  // special tokens are left out of the text

  // What the text of each answer must be; nullptr: anything. Stop tokens are drawn where the text may end, and
  // only there; an answer whose text is complete and may not go on ends by itself.
  std::shared_ptr<const Constraint> constraint;

  std::optional<std::int64_t> logprobs;         // of each drawn token, with this many of the most likely
  std::optional<std::int64_t> prompt_logprobs;  // of each prompt token but the first, likewise
  bool logits = false;                          // rows of logits, of prompt and answers
  bool hidden = false;                          // digests of the rows that logits are made from: of
                                                // those that tokens are drawn from, or that are given
  // Prompt positions before this one are left out of prompt_logprobs, logits and hidden,
  // and may so come from the prefix cache.
  std::int64_t prompt_from = 0;

  // Tokens that the answer is expected to have (draft.h): where it has them, it comes faster. With n == 1.
  std::vector<std::int32_t> draft;

  // Whose share of the machine it takes (fair_share.h), and with whom it shares pages of the prefix cache.
  Owner owner;
  std::string prefix_namespace;
  bool use_prefix_cache = true;
  // Most rows in one step. 0: as many as fit; 1: the prompt goes the way of decoding.
  std::int64_t max_chunk = 0;
};

enum class FinishReason : std::uint8_t { stop, length, cancelled, error };

}  // namespace verbatim
