#include "server/reply.h"

#include <utility>

namespace verbatim::server {
namespace {

double seconds(Reply::Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Reply::Reply(AnswerContext context, std::shared_ptr<Responder> responder, std::int64_t first_event,
             EngineThread& engine, Metrics& metrics, Clock::time_point arrival)
    : context_(std::move(context)),
      responder_(std::move(responder)),
      presenter_(make_presenter(context_, responder_, first_event)),
      engine_(engine),
      metrics_(metrics),
      arrival_(arrival),
      order_(context_.call.choices(),
             [this](std::size_t choice, const Event& event) { show(choice, event); }),
      progress_(context_.call.choices()) {
  context_.prompt_scores.resize(context_.call.requests.size());
  if (context_.call.show.receipt) {
    context_.receipts.resize(context_.call.choices());
    const Call& call = context_.call;
    for (std::size_t i = 0; i < call.requests.size(); ++i) {
      ReceiptShow show{std::string(path_of(call.endpoint)), call.model, static_cast<std::int64_t>(i),
                       static_cast<std::int64_t>(call.requests.size()), call.parameters[i]};
      receipt_makers_.emplace_back(context_.model->version, context_.model->fingerprint(), call.requests[i],
                                   std::move(show));
    }
  }
  for (const Prompt& prompt : context_.call.prompts)
    usage_.prompt_tokens += static_cast<std::int64_t>(prompt.tokens.size());
}

void Reply::cancel() {
  gone_ = true;
  engine_.cancel(shared_from_this());
}

std::vector<GenerateRequest> Reply::take_requests() {
  if (gone_) return {};
  return context_.call.requests;
}

void Reply::on_start() {
  metrics_.queue_time.observe(seconds(Clock::now() - arrival_));
  for (const GenerateRequest& request : context_.call.requests)
    metrics_.count_request(static_cast<std::int64_t>(request.prompt.size()), request.max_tokens, request.n);
  started_ = true;
  presenter_->start();
}

std::size_t Reply::choice_of(std::size_t request, std::int64_t choice) const {
  return request * context_.call.choices_per_prompt() + static_cast<std::size_t>(choice);
}

void Reply::on_prompt_token(std::size_t request, std::int64_t /*position*/, const Logprobs& logprobs) {
  context_.prompt_scores[request].push_back(logprobs);
}

void Reply::on_hidden(std::size_t request, std::int64_t choice, std::int64_t position,
                      const Sha256Digest& digest) {
  if (!closed_ && !gone_) receipt_makers_[request].on_hidden(choice, position, digest);
}

void Reply::on_token(std::size_t request, const TokenEvent& event) {
  std::size_t choice = choice_of(request, event.choice);
  measure_token(choice);
  if (closed_ || gone_) return;
  begin_choice(choice);
  if (!receipt_makers_.empty()) receipt_makers_[request].on_token(event);
  order_.push(choice, event, false);
}

void Reply::on_finish(std::size_t request, const Finish& finish) {
  std::size_t choice = choice_of(request, finish.choice);
  metrics_.count_finish(finish.reason);
  metrics_.generation_tokens.fetch_add(finish.tokens, std::memory_order_relaxed);
  metrics_.request_generation_tokens.observe(static_cast<double>(finish.tokens));
  metrics_.e2e_latency.observe(seconds(Clock::now() - arrival_));
  if (closed_ || gone_) return;
  begin_choice(choice);
  make_receipt(request, finish);
  order_.push(choice, finish, true);
}

// For the presenter, before it is told of the end.
void Reply::make_receipt(std::size_t request, const Finish& finish) {
  const bool answered = finish.reason == FinishReason::stop || finish.reason == FinishReason::length;
  if (receipt_makers_.empty() || !answered) return;
  Receipt receipt = receipt_makers_[request].on_finish(finish);
  const auto& signer = context_.model->signer;
  if (signer) receipt.signature = signer->sign(text_to_sign(receipt));
  context_.receipts[choice_of(request, finish.choice)] = to_json_text(receipt);
}

void Reply::begin_choice(std::size_t choice) {
  if (!std::exchange(progress_[choice].started, true)) order_.push(choice, PromptDone{}, false);
}

void Reply::show(std::size_t choice, const Event& event) {
  if (closed_) return;
  if (std::holds_alternative<PromptDone>(event)) return presenter_->prompt(choice);
  if (const auto* token = std::get_if<TokenEvent>(&event)) return presenter_->token(choice, *token);
  show_finish(choice, std::get<Finish>(event));
}

void Reply::show_finish(std::size_t choice, const Finish& finish) {
  if (finish.reason == FinishReason::error && finish.of_this_machine)
    return fail(too_large_for_this_machine(finish.message), false);
  if (finish.reason == FinishReason::error)
    return fail({500, fmt::format("the model cannot answer this: {}", finish.message), {}, {}, {}}, true);
  if (finish.reason == FinishReason::cancelled) return;  // someone was told why already
  usage_.completion_tokens += finish.tokens;
  usage_.accepted_prediction_tokens += finish.draft_accepted;
  usage_.rejected_prediction_tokens += finish.draft_tokens - finish.draft_accepted;
  if (choice % context_.call.choices_per_prompt() == 0) usage_.cached_tokens += finish.witness.cached_tokens;
  presenter_->finish(choice, finish);
  if (!order_.done()) return;
  closed_ = true;
  presenter_->end(usage_);
}

void Reply::measure_token(std::size_t choice) {
  Clock::time_point& last = progress_[choice].last_token;
  Clock::time_point now = Clock::now();
  last == Clock::time_point() ? metrics_.time_to_first_token.observe(seconds(now - arrival_))
                              : metrics_.inter_token_latency.observe(seconds(now - last));
  last = now;
}

void Reply::fail(const ApiError& error, bool own) {
  closed_ = true;
  started_ ? presenter_->fail(error, own) : responder_->respond(error_response(error));
  cancel();
}

void Reply::on_wait() {
  if (!closed_ && !gone_) presenter_->keep_alive();
}

void Reply::on_shutdown() {
  if (closed_ || gone_) return;
  fail({503,
        "the server is going down; ask another, a stream with the Last-Event-ID that came last",
        {},
        "shutting_down",
        {}},
       false);
}

// The client learns it from the transport, as nobody holds the responder any more (http.h).
void Reply::on_lost() {
  closed_ = true;
  presenter_.reset();
  responder_.reset();
  cancel();
}

}  // namespace verbatim::server
