// Replay: one receipt while its tokens are computed again: what the model says of every position, compared.
#pragma once

#include <memory>
#include <optional>

#include "engine/drawer.h"
#include "receipt/chain.h"
#include "receipt/receipt.h"

namespace verbatim {

// The first thing that is wrong with a receipt.
struct Difference {
  std::string what;
  std::optional<std::int64_t> position;
  std::string sentence;
};

// An answer as the engine's sinks are told of it: what prefill and decode, draws and stops gave once more.
struct Replayed {
  std::vector<Logprobs> prompt_scores;  // of prompt tokens 1 .., where the request asks for them
  std::vector<TokenEvent> tokens;
  Finish finish;

  std::string text() const;
};

class Replay final : public TokenSink {
 public:
  // receipt, tokenizer, drawer: outlive the replay.  chain: of the request's entries.
  // receipt.request.logprobs, prompt_logprobs: are no part of a receipt; given, Replayed has them.
  // constraint: what receipt.schema makes
  Replay(const Receipt& receipt, std::shared_ptr<const Constraint> constraint, const Tokenizer& tokenizer,
         Drawer& drawer, ReceiptChain chain);

  // Prompt and answer as one prompt.
  GenerateRequest request() const;

  void on_hidden(std::int64_t choice, std::int64_t position, const Sha256Digest& digest) override;
  void on_logits(std::int64_t choice, std::int64_t position, std::span<const float> row) override;
  void on_prompt_token(std::int64_t position, const Logprobs& logprobs) override;
  void on_token(const TokenEvent& event) override;
  void on_finish(const Finish& finish) override;

  // No row that is still to come can change the outcome.
  bool decided() const { return difference_.has_value(); }
  // After all rows: what is wrong, if anything is.
  std::optional<Difference> outcome();
  // The answer. After outcome() found nothing wrong.
  const Replayed& replayed() const { return replayed_; }

 private:
  void differ(std::string what, std::int64_t position, std::string sentence);
  std::optional<Difference> differing_link() const;

  const Receipt& receipt_;
  Drawer& drawer_;
  GenerateRequest asked_;
  Answer answer_;
  ReceiptChain chain_;
  std::size_t links_before_answer_;
  Sha256Digest hidden_{};
  std::optional<Finish> end_;
  std::optional<Difference> difference_;
  Replayed replayed_;
};

}  // namespace verbatim
