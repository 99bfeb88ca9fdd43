#include "verify/sent_request.h"

#include "verify/retelling.h"

namespace verbatim {
namespace {

Mismatch named(const FirstDifference& difference) {
  return {difference.place, fmt::format("{} of the receipt {} for the request that was sent",
                                        difference.place, difference.sentence)};
}

}  // namespace

std::optional<Mismatch> SentRequest::mismatch(const Receipt& receipt) {
  const ReceiptShow& show = *receipt.show;
  const server::Call* call = call_to(show);
  if (call == nullptr) return refusal_;
  if (show.prompts != static_cast<std::int64_t>(call->prompts.size()) || show.prompt >= show.prompts)
    return Mismatch{"show.prompts",
                    fmt::format("the receipt is of prompt {} of {}, the request that was sent has {}",
                                show.prompt, show.prompts, call->prompts.size())};
  const auto prompt = static_cast<std::size_t>(show.prompt);
  const GenerateRequest& asked = call->requests[prompt];
  if (auto difference = request_difference(receipt, asked)) return named(*difference);
  if (!call->show.receipt)
    return Mismatch{"show.parameters", "the request that was sent asks for no receipt"};
  auto parameters = parse_json(show.parameters, "show.parameters");
  if (!parameters) return Mismatch{"show.parameters", parameters.error().message};
  if (auto difference = first_difference(*parameters, Json::parse(call->parameters[prompt])))
    return named({"show.parameters" + difference->place, difference->sentence});
  if (receipt.choice < asked.n) return std::nullopt;
  return Mismatch{"request.choice",
                  fmt::format("the receipt is of choice {}, the request that was sent asks for {}",
                              receipt.choice, asked.n)};
}

// The call that the body is at the receipt's endpoint; nullptr: refusal_ says why it is none.
const server::Call* SentRequest::call_to(const ReceiptShow& show) {
  if (call_ && endpoint_ == show.endpoint && model_.names.front() == show.model) return &*call_;
  call_.reset();
  endpoint_ = show.endpoint;
  model_.names = {show.model};
  auto endpoint = server::endpoint_at(show.endpoint);
  if (!endpoint) {
    refusal_ = {"show.endpoint", "show.endpoint of the receipt is none that gives answers"};
    return nullptr;
  }
  auto call = server::read_call(body_, *endpoint, model_);
  if (!call)
    refusal_ = {"request", "the request that was sent is none of this receipt: " + call.error().message};
  if (call) call_ = *std::move(call);
  return call_ ? &*call_ : nullptr;
}

}  // namespace verbatim
