// SentRequest: a body that somebody sent, and whether a receipt is of an answer to it.
#pragma once

#include "receipt/receipt.h"
#include "server/call.h"
#include "verify/difference.h"

namespace verbatim {

class SentRequest {
 public:
  // model: as the server that it was sent to has it; its names are not looked at
  SentRequest(std::string body, server::ServedModel model)
      : body_(std::move(body)), model_(std::move(model)) {}

  // Why it is none.  REQUIRES: receipt.show
  std::optional<Mismatch> mismatch(const Receipt& receipt);

 private:
  const server::Call* call_to(const ReceiptShow& show);

  std::string body_;
  server::ServedModel model_;
  std::string endpoint_;              // that it was read for last
  std::optional<server::Call> call_;  // nullopt: that endpoint refuses it
  Mismatch refusal_;
};

}  // namespace verbatim
