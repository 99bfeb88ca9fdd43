// Retelling: the response around some receipts, written again by the presenters that wrote it.
//
// Receipts say how their answers are shown (ReceiptShow), and verification computes the answers (Replayed). Two things
// more are in a response: what names it, its id and time; and what load made of it. Both are taken from the response.
#pragma once

#include "receipt/verify.h"
#include "server/call.h"
#include "verify/difference.h"

namespace verbatim {

struct NotRetold {
  std::string nonce = std::string(16, '0'), digest = std::string(24, '0');  // of ids
  std::int64_t created = 0;
  std::int64_t first_event = 0;  // of a stream that was continued
  std::int64_t cached_tokens = 0, accepted_prediction_tokens = 0, rejected_prediction_tokens = 0;
};

class Retelling {
 public:
  // receipts: all of one response, in any order; each was read
  // model: its names are not looked at
  static Result<Retelling, Mismatch> create(std::span<const SavedReceipt> receipts,
                                            const server::ServedModel& model);

  const server::Call& call() const { return call_; }
  const GenerateRequest& request_of(const Receipt& receipt) const;

  // What the server wrote: a body, or the events of a stream.
  // receipts: those of create(); verdicts: theirs, all valid, made with request_of()'s logprobs and prompt_logprobs
  std::vector<std::string> tell(std::span<const SavedReceipt> receipts, std::span<const Verdict> verdicts,
                                const NotRetold& rest) const;

 private:
  server::ServedModel model_;
  server::Call call_;
  std::vector<std::size_t> receipt_of_;  // each choice of the response: the index of its receipt
};

// In which the receipt's request is not `asked`, by the name of its field.
std::optional<FirstDifference> request_difference(const Receipt& receipt, const GenerateRequest& asked);

}  // namespace verbatim
