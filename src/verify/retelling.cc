#include "verify/retelling.h"

#include <algorithm>

#include "server/choice_order.h"
#include "server/presenter.h"

namespace verbatim {
namespace {

using server::OrderedJson;

// Keeps what is written.
class Collector final : public server::Responder {
 public:
  void respond(server::HttpResponse response) override { pieces.push_back(std::move(response.body)); }
  void begin_stream(server::HttpResponse) override {}
  void write(std::string piece) override { pieces.push_back(std::move(piece)); }
  void end() override {}
  void on_gone(std::function<void()>) override {}

  std::vector<std::string> pieces;
};

// The body that was asked with, as far as the receipts tell. What `prompt` holds is a conversation's tokens, or the
// prompts.
Result<OrderedJson, Mismatch> body_of(std::span<const SavedReceipt> receipts) {
  const ReceiptShow& first = *receipts.front().receipt->show;
  const auto some_have_none = [&] {
    return Mismatch{"response", fmt::format("not every one of {} prompts has a receipt", first.prompts)};
  };
  if (first.prompts > static_cast<std::int64_t>(receipts.size())) return some_have_none();
  std::vector<OrderedJson> prompts(static_cast<std::size_t>(first.prompts));
  OrderedJson common;
  for (const SavedReceipt& saved : receipts) {
    const ReceiptShow& show = *saved.receipt->show;
    auto parameters = server::parse_body(show.parameters);
    if (!parameters) return Mismatch{"show.parameters", "show.parameters: " + parameters.error().message};
    OrderedJson prompt = parameters->value("prompt", OrderedJson(saved.receipt->request.prompt));
    parameters->erase("prompt");
    if (common.is_null()) common = *parameters;
    if (show.endpoint != first.endpoint || show.model != first.model || show.prompts != first.prompts ||
        *parameters != common)
      return Mismatch{"show", "the receipts beside each other are of two requests"};
    if (show.prompt >= show.prompts)
      return Mismatch{"show.prompt", fmt::format("show.prompt is {} of {}", show.prompt, show.prompts)};
    prompts[static_cast<std::size_t>(show.prompt)] = std::move(prompt);
  }
  if (std::ranges::any_of(prompts, &OrderedJson::is_null)) return some_have_none();
  common["prompt"] = prompts;
  return common;
}

Result<server::Call, Mismatch> call_of(std::span<const SavedReceipt> receipts,
                                       const server::ServedModel& model) {
  const Receipt& first = *receipts.front().receipt;
  auto endpoint = server::endpoint_at(first.show->endpoint);
  if (!endpoint)
    return Mismatch{"show.endpoint", fmt::format("show.endpoint is {}, where no answers are given",
                                                 shown(Json(first.show->endpoint)))};
  auto body = body_of(receipts);
  if (!body) return body.error();
  const bool conversation = *endpoint != server::kCompletions;
  auto call =
      server::read_call(body->dump(), *endpoint, model, {}, conversation ? &first.request.prompt : nullptr);
  if (!call) return Mismatch{"show.parameters", "show.parameters: " + call.error().message};
  if (!call->show.receipt) return Mismatch{"show.parameters", "show.parameters ask for no receipts"};
  if (call->prompts.size() != static_cast<std::size_t>(first.show->prompts))
    return Mismatch{"show.prompts", fmt::format("the response has {} prompts, show.prompts is {}",
                                                call->prompts.size(), first.show->prompts)};
  return *std::move(call);
}

}  // namespace

std::optional<FirstDifference> request_difference(const Receipt& receipt, const GenerateRequest& asked) {
  Receipt expected = receipt;
  expected.request = asked;
  expected.schema.reset();
  if (asked.constraint != nullptr) expected.schema = asked.constraint->schema();
  auto difference = first_difference(Json::parse(to_json_text(receipt))["request"],
                                     Json::parse(to_json_text(expected))["request"]);
  if (difference) difference->place = "request" + difference->place;
  if (difference) std::ranges::replace(difference->place, '/', '.');
  return difference;
}

Result<Retelling, Mismatch> Retelling::create(std::span<const SavedReceipt> receipts,
                                              const server::ServedModel& model) {
  for (const SavedReceipt& saved : receipts)
    if (!saved.receipt->show)
      return Mismatch{"show", "the receipt says that no response shows the answer, and stands in one"};
  Retelling made;
  made.model_ = model;
  made.model_.names = {receipts.front().receipt->show->model};
  auto call = call_of(receipts, made.model_);
  if (!call) return call.error();
  made.call_ = *std::move(call);

  const std::size_t n = made.call_.choices_per_prompt(), none = receipts.size();
  made.receipt_of_.assign(made.call_.choices(), none);
  for (std::size_t i = 0; i < receipts.size(); ++i) {
    const Receipt& receipt = *receipts[i].receipt;
    const auto prompt = static_cast<std::size_t>(receipt.show->prompt);
    if (receipt.choice >= static_cast<std::int64_t>(n))
      return Mismatch{"request.choice",
                      fmt::format("request.choice is {}, show.parameters ask for {}", receipt.choice, n)};
    std::size_t& place = made.receipt_of_[prompt * n + static_cast<std::size_t>(receipt.choice)];
    if (place != none)
      return Mismatch{"response", fmt::format("{} is of the same answer as {}", receipts[i].where,
                                              receipts[place].where)};
    place = i;
    if (auto difference = request_difference(receipt, made.call_.requests[prompt]))
      return Mismatch{difference->place, fmt::format("{} {} by the receipt's own show.parameters",
                                                     difference->place, difference->sentence)};
  }
  auto missing = std::ranges::find(made.receipt_of_, none);
  if (missing != made.receipt_of_.end())
    return Mismatch{"response", fmt::format("choice {} of {} has no receipt",
                                            missing - made.receipt_of_.begin(), made.receipt_of_.size())};
  return made;
}

const GenerateRequest& Retelling::request_of(const Receipt& receipt) const {
  return call_.requests[static_cast<std::size_t>(receipt.show->prompt)];
}

std::vector<std::string> Retelling::tell(std::span<const SavedReceipt> receipts,
                                         std::span<const Verdict> verdicts, const NotRetold& rest) const {
  auto shared = std::make_shared<server::AnswerContext>();
  server::AnswerContext& context = *shared;
  context.call = call_;
  context.call.digest = rest.digest;
  context.model = &model_;
  context.nonce = rest.nonce;
  context.created = rest.created;
  context.prompt_scores.resize(call_.requests.size());
  server::Usage usage;
  usage.cached_tokens = rest.cached_tokens;
  usage.accepted_prediction_tokens = rest.accepted_prediction_tokens;
  usage.rejected_prediction_tokens = rest.rejected_prediction_tokens;
  for (const server::Prompt& prompt : call_.prompts)
    usage.prompt_tokens += static_cast<std::int64_t>(prompt.tokens.size());
  for (std::size_t i : receipt_of_) {
    const Receipt& receipt = *receipts[i].receipt;
    context.receipts.push_back(to_json_text(receipt));
    context.prompt_scores[static_cast<std::size_t>(receipt.show->prompt)] =
        LogprobRows(verdicts[i].answer.prompt_scores);
    usage.completion_tokens += verdicts[i].answer.finish.tokens;
  }

  auto collector = std::make_shared<Collector>();
  auto presenter = server::make_presenter(shared, collector, rest.first_event);
  presenter->start();
  server::ChoiceOrder order(receipt_of_.size(), *presenter);
  for (std::size_t choice = 0; choice < receipt_of_.size(); ++choice) {
    const Replayed& answer = verdicts[receipt_of_[choice]].answer;
    order.prompt(choice);
    for (const TokenEvent& token : answer.tokens) order.token(choice, token);
    order.finish(choice, answer.finish);
  }
  presenter->end(usage);
  return std::move(collector->pieces);
}

}  // namespace verbatim
