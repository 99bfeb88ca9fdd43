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

class Replay final : public TokenSink {
 public:
  // receipt, tokenizer, drawer: outlive the replay.  chain: of the request's entries.
  // constraint: what receipt.schema makes
  Replay(const Receipt& receipt, std::shared_ptr<const Constraint> constraint, const Tokenizer& tokenizer,
         Drawer& drawer, ReceiptChain chain);

  // Prompt and answer as one prompt.
  GenerateRequest request() const;

  void on_hidden(std::int64_t choice, std::int64_t position, const Sha256Digest& digest) override;
  void on_logits(std::int64_t choice, std::int64_t position, std::span<const float> row) override;
  void on_token(const TokenEvent& event) override;
  void on_finish(const Finish& finish) override;

  // No row that is still to come can change the outcome.
  bool decided() const { return difference_.has_value(); }
  // After all rows: what is wrong, if anything is.
  std::optional<Difference> outcome();
  // The answer's text. After outcome() found nothing wrong.
  const std::string& text() const { return text_; }

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
  std::string text_;
};

}  // namespace verbatim
