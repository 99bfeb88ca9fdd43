#include "server/reply.h"

#include <utility>

namespace verbatim::server {
namespace {

// Of memory, about: of a choice before its first token, here and in the engine; of a token, beside its text.
constexpr std::size_t kChoiceBytes = 1024, kTokenBytes = 16;

double seconds(Reply::Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

std::size_t bytes_of_logprobs(std::size_t top) { return sizeof(TokenLogprob) * (1 + top); }

}  // namespace

std::size_t certain_bytes(const Call& call) {
  const std::size_t n = call.choices_per_prompt();
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < call.requests.size(); ++i) {
    const GenerateRequest& request = call.requests[i];
    const std::size_t tokens = request.prompt.size();
    bytes += call.prompts[i].text.size() + n * (kChoiceBytes + tokens * sizeof(std::int32_t)) +
             tokens * kTokenBytes;
    if (request.prompt_logprobs)
      bytes += (tokens - static_cast<std::size_t>(request.prompt_from)) *
               bytes_of_logprobs(static_cast<std::size_t>(*request.prompt_logprobs));
  }
  return bytes;
}

Reply::Reply(AnswerContext context, std::shared_ptr<Responder> responder, std::int64_t first_event,
             EngineThread& engine, Metrics& metrics, Clock::time_point arrival)
    : context_(std::make_shared<AnswerContext>(std::move(context))),
      responder_(std::move(responder)),
      presenter_(make_presenter(context_, responder_, first_event)),
      engine_(engine),
      metrics_(metrics),
      arrival_(arrival),
      progress_(call().choices()),
      open_choices_(call().choices()),
      held_bytes_(certain_bytes(call())) {
  if (call().show.stream) order_.emplace(call().choices(), static_cast<ChoiceEvents&>(*this));
  context_->prompt_scores.resize(call().requests.size());
  if (call().show.receipt) {
    context_->receipts.resize(call().choices());
    for (std::size_t i = 0; i < call().requests.size(); ++i) {
      ReceiptShow show{std::string(path_of(call().endpoint)), call().model, static_cast<std::int64_t>(i),
                       static_cast<std::int64_t>(call().requests.size()), call().parameters[i]};
      receipt_makers_.emplace_back(context_->model->version, context_->model->fingerprint(),
                                   call().requests[i], std::move(show));
    }
  }
  for (const Prompt& prompt : call().prompts)
    usage_.prompt_tokens += static_cast<std::int64_t>(prompt.tokens.size());
}

void Reply::cancel() {
  gone_ = true;
  engine_.cancel(shared_from_this());
}

std::vector<GenerateRequest> Reply::take_requests() {
  if (gone_) return {};
  return call().requests;
}

void Reply::on_start() {
  metrics_.queue_time.observe(seconds(Clock::now() - arrival_));
  for (const GenerateRequest& request : call().requests)
    metrics_.count_request(static_cast<std::int64_t>(request.prompt.size()), request.max_tokens, request.n);
  started_ = true;
  presenter_->start();
}

std::size_t Reply::choice_of(std::size_t request, std::int64_t choice) const {
  return request * call().choices_per_prompt() + static_cast<std::size_t>(choice);
}

void Reply::on_prompt_token(std::size_t request, std::int64_t /*position*/, const Logprobs& logprobs) {
  context_->prompt_scores[request].push(logprobs);
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
  // A stream of one choice holds nothing.
  if (!order_ || progress_.size() > 1)
    hold(kTokenBytes + event.text.size() +
         (event.logprobs ? bytes_of_logprobs(event.logprobs->top.size()) : 0));
  if (closed_) return;
  order_ ? order_->token(choice, event) : token(choice, event);
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
  if (closed_) return;
  order_ ? order_->finish(choice, finish) : this->finish(choice, finish);
}

// For the presenter, before it is told of the end.
void Reply::make_receipt(std::size_t request, const Finish& finish) {
  const bool answered = finish.reason == FinishReason::stop || finish.reason == FinishReason::length;
  if (receipt_makers_.empty() || !answered) return;
  Receipt receipt = receipt_makers_[request].on_finish(finish);
  const auto& signer = context_->model->signer;
  if (signer) receipt.signature = signer->sign(text_to_sign(receipt));
  std::string& text = context_->receipts[choice_of(request, finish.choice)];
  text = to_json_text(receipt);
  hold(text.size());
}

void Reply::begin_choice(std::size_t choice) {
  if (std::exchange(progress_[choice].started, true)) return;
  order_ ? order_->prompt(choice) : prompt(choice);
}

void Reply::prompt(std::size_t choice) {
  if (!closed_) presenter_->prompt(choice);
}

void Reply::token(std::size_t choice, const TokenEvent& event) {
  if (!closed_) presenter_->token(choice, event);
}

void Reply::finish(std::size_t choice, const Finish& finish) {
  --open_choices_;
  if (closed_) return;
  if (finish.reason == FinishReason::cancelled) return;  // someone was told why already
  if (finish.reason == FinishReason::error) {
    if (finish.of_this_machine) return fail(too_large_for_this_machine(finish.message), false);
    errors_.emplace(choice, finish.message);
  } else {
    usage_.completion_tokens += finish.tokens;
    usage_.accepted_prediction_tokens += finish.draft_accepted;
    usage_.rejected_prediction_tokens += finish.draft_tokens - finish.draft_accepted;
    if (choice % call().choices_per_prompt() == 0) usage_.cached_tokens += finish.witness.cached_tokens;
    presenter_->finish(choice, finish);
  }
  // A body shows the first choice's error, whatever came first; a stream the first in its order.
  if (!errors_.empty() && (order_ || open_choices_ == 0))
    return fail({500, "the model cannot answer this: " + errors_.begin()->second, {}, {}, {}}, true);
  if (open_choices_ > 0) return;
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

// So many bytes more; fails where there are none left.
void Reply::hold(std::size_t more_bytes) {
  held_bytes_ += more_bytes;
  MemoryShare* share = context_->share.get();
  if (share != nullptr && !share->hold(held_bytes_))
    fail(no_memory_for_answer(share->budget().bytes()), false);
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
