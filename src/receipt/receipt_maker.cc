#include "receipt/receipt_maker.h"

#include <utility>

#include "base/check.h"

namespace verbatim {

ReceiptMaker::ReceiptMaker(std::string version, std::string fingerprint, const GenerateRequest& request,
                           std::optional<ReceiptShow> show) {
  CHECK(request.hidden, "a receipt needs the digests of the hidden rows");
  common_.version = std::move(version);
  common_.fingerprint = std::move(fingerprint);
  common_.request = request;
  if (auto constraint = std::exchange(common_.request.constraint, nullptr))
    common_.schema = constraint->schema();
  common_.show = std::move(show);
  for (common_.choice = 0; common_.choice < request.n; ++common_.choice) {
    ReceiptChain chain(kReceiptFormat);
    for (const ReceiptEntry& entry : request_entries(common_)) chain.add(entry.text);
    answers_.push_back({{}, std::move(chain), {}});
  }
}

void ReceiptMaker::on_hidden(std::int64_t choice, std::int64_t position, const Sha256Digest& digest) {
  const auto prompt = static_cast<std::int64_t>(common_.request.prompt.size());
  if (position < prompt - 1) return;
  if (position >= prompt) {
    answers_[static_cast<std::size_t>(choice)].hidden = digest;
    return;
  }
  for (Growing& answer : answers_) answer.hidden = digest;
}

void ReceiptMaker::on_token(const TokenEvent& event) {
  Growing& answer = answers_[static_cast<std::size_t>(event.choice)];
  answer.tokens.push_back(event.token);
  answer.chain.add(token_entry(event.position, event.token, answer.hidden));
}

Receipt ReceiptMaker::on_finish(const Finish& finish) {
  CHECK(finish.reason == FinishReason::stop || finish.reason == FinishReason::length,
        "an answer that failed has no receipt");
  Growing& answer = answers_[static_cast<std::size_t>(finish.choice)];
  Receipt receipt = common_;
  receipt.choice = finish.choice;
  receipt.tokens = std::move(answer.tokens);
  receipt.reason = finish.reason;
  receipt.stop_token = finish.stop_token;
  if (!finish.stop_string.empty()) receipt.stop_string = finish.stop_string;
  answer.chain.add(finish_entry(receipt));
  receipt.links = answer.chain.links();
  receipt.head = answer.chain.head();
  return receipt;
}

}  // namespace verbatim
