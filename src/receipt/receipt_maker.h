// ReceiptMaker: collects the receipts of all answers to one request while the engine computes it.
//
// Hand it what a sink is given: on_hidden, on_token, on_finish, in the engine's order.
#pragma once

#include "receipt/receipt.h"

namespace verbatim {

class ReceiptMaker {
 public:
  // show: Receipt::show.  REQUIRES: request.hidden
  ReceiptMaker(std::string version, std::string fingerprint, const GenerateRequest& request,
               std::optional<ReceiptShow> show = std::nullopt);

  void on_hidden(std::int64_t choice, std::int64_t position, const Sha256Digest& digest);
  void on_token(const TokenEvent& event);
  // The receipt of an answer that ended; not signed.  REQUIRES: it stopped, or has its length
  Receipt on_finish(const Finish& finish);

 private:
  struct Growing {
    std::vector<std::int32_t> tokens;
    ReceiptChain chain;
    Sha256Digest hidden{};  // of the row that the next token is drawn from
  };

  Receipt common_;  // what all answers share
  std::vector<Growing> answers_;
};

}  // namespace verbatim
