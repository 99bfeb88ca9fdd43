// TokenSink: the one way by which results leave the engine.
//
// The engine calls a sink inside step(), on the thread that drives it: for one request prompt events come
// first, by increasing position, then the events of each answer in order, answers interleaved; on_finish ends
// each answer. After the n-th on_finish the engine does not touch the sink again. A sink may call submit()
// and cancel(), not step().
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/sha256.h"
#include "engine/request.h"
#include "sample/logprobs.h"

namespace verbatim {

struct TokenEvent {
  std::int64_t choice = 0;    // 0 .. n-1
  std::int64_t position = 0;  // of the token in its sequence, prompt included
  std::int32_t token = 0;
  std::string text;  // that became certain with this token: whole characters, never part of a stop string
  std::optional<Logprobs> logprobs;
};

// What really happened to an answer on its way: proof for tests that a schedule was what it claims to be. No
// bit of the answer depends on it.
struct Witness {
  std::int64_t cached_tokens = 0;   // of the prompt, found in the prefix cache
  std::int64_t preemptions = 0;     // how often its pages were taken away and computed again
  std::int64_t steps = 0;           // it had rows in
  std::int64_t most_sequences = 0;  // in one of these steps
  std::int64_t most_rows = 0;       // of all sequences in one of these steps
  std::int64_t most_own_rows = 0;   // of its own
};

struct Finish {
  std::int64_t choice = 0;
  FinishReason reason = FinishReason::length;
  std::string text;                        // held back until now, because a stop string might have begun
  std::string message;                     // error: one sentence
  bool of_this_machine = false;            // error: one with more memory would have gone on
  std::optional<std::int32_t> stop_token;  // stop: by this token,
  std::string stop_string;                 //       or by this string; neither: the constraint is fulfilled
  std::int64_t tokens = 0;                 // drawn for this answer, a stop token included
  std::int64_t draft_tokens = 0;           // that the request's draft proposed,
  std::int64_t draft_accepted = 0;         // and of these, that were drawn
  Witness witness;
};

class TokenSink {
 public:
  virtual ~TokenSink() = default;

  // request.logits: the row at `position` (it predicts position + 1). Choice 0 brings the prompt's.
  // row: (vocab)
  virtual void on_logits(std::int64_t /*choice*/, std::int64_t /*position*/, std::span<const float> /*row*/) {
  }
  // request.hidden: the digest of the row at `position` (hidden_row.h). It comes before the token
  // that is drawn from the row. The last of the prompt, choice 0's, is what every choice begins from.
  virtual void on_hidden(std::int64_t /*choice*/, std::int64_t /*position*/, const Sha256Digest& /*digest*/) {
  }
  // request.prompt_logprobs: of the prompt token at `position` >= 1.
  virtual void on_prompt_token(std::int64_t /*position*/, const Logprobs& /*logprobs*/) {}
  virtual void on_token(const TokenEvent& event) = 0;
  virtual void on_finish(const Finish& finish) = 0;
};

}  // namespace verbatim
