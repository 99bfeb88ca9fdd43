// Presenter: what an endpoint makes of the answers to one call: a body, or a stream of events.
//
// What it writes is a function of what it is told, of the call, and of the answer's id and time. Two families:
// whole_answer.h collects, whatever order choices come in, and has one body written; the streams write an event for every
// token that has text, and for every token where token ids or log-probabilities are wanted. They must be told in an order
// that does not depend on load (choice_order.h): so a stream is the same whoever makes it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/call.h"
#include "server/choice_order.h"
#include "server/event_stream.h"
#include "server/logprobs_json.h"
#include "server/memory_budget.h"

namespace verbatim::server {

struct Usage {
  std::int64_t prompt_tokens = 0, completion_tokens = 0;
  std::int64_t cached_tokens = 0;  // depends on load: only bodies show it, streams do not
  // Of a prediction's tokens that were tried: those that came true, the others. A stream that is continued with a
  // prediction is the same stream, so only bodies show them.
  std::int64_t accepted_prediction_tokens = 0, rejected_prediction_tokens = 0;

  std::int64_t total() const { return prompt_tokens + completion_tokens; }
};

// One answer being made.
struct AnswerContext {
  Call call;
  const ServedModel* model = nullptr;
  std::string nonce;                       // the random part of ids: 16 hex digits
  std::int64_t created = 0;                // Unix time
  std::vector<LogprobRows> prompt_scores;  // of each prompt, of its tokens prompt_from + 1 ..
  std::vector<Header> headers;             // of the response
  std::vector<std::string> receipts;       // of each choice that has ended, as JSON; none: not asked for
  std::shared_ptr<MemoryShare> share;      // of the memory for answers, until this one is sent

  const Prompt& prompt_of(std::size_t choice) const {
    return call.prompts[choice / call.choices_per_prompt()];
  }
  const LogprobRows& scores_of(std::size_t choice) const {
    return prompt_scores[choice / call.choices_per_prompt()];
  }
  // ,"receipt":{...}: what follows in the object that shows how a choice ended.
  std::string receipt_field(std::size_t choice) const {
    return call.show.receipt ? R"(,"receipt":)" + receipts[choice] : "";
  }
  TokenNames names() const { return {&model->tokenizer(), call.show.tokens_as_ids}; }
  // {"id":"chatcmpl-...","object":"...","created":...,"model":"...","system_fingerprint":"..."
  std::string head(std::string_view id_prefix, std::string_view object) const;
};

// finish(): stop or length
class Presenter : public ChoiceEvents {
 public:
  virtual void start() {}
  virtual void end(const Usage& usage) = 0;
  virtual void keep_alive() {}
  // Instead of end(). `own`: the request's own doing, which every server would meet.
  virtual void fail(const ApiError& error, bool own) = 0;
};

// context: must outlive a stream's presenter. first_event: of a stream that is continued, else 0
std::unique_ptr<Presenter> make_presenter(const std::shared_ptr<const AnswerContext>& context,
                                          std::shared_ptr<Responder> responder, std::int64_t first_event);

// The streams.
std::unique_ptr<Presenter> make_chat_stream(const AnswerContext& context, EventStream events);
std::unique_ptr<Presenter> make_completion_stream(const AnswerContext& context, EventStream events);
std::unique_ptr<Presenter> make_response_stream(const AnswerContext& context, EventStream events);

// What the streams share: errors, silence.
class StreamPresenter : public Presenter {
 public:
  StreamPresenter(const AnswerContext& context, EventStream events)
      : context_(context), events_(std::move(events)), drawn_(context.call.choices()) {}

  void keep_alive() override { events_.keep_alive(); }
  void fail(const ApiError& error, bool own) override;

 protected:
  const Show& show() const { return context_.call.show; }
  // Token events without text are shown too.
  bool shows_every_token() const { return show().logprobs || show().token_ids; }

  // ,"usage":...  in an event of a choice: what it has used so far where that is wanted, null where only a last event says
  // it, nothing where none does.
  std::string usage_field(std::size_t choice) const;

  const AnswerContext& context_;
  EventStream events_;
  std::vector<std::int64_t> drawn_;  // tokens of each choice so far
};

// "stop" or "length"
std::string_view finish_name(FinishReason reason);
// What ended the answer, if the request named it: a stop string, or one of its stop_token_ids; else null.
std::string stop_reason_json(const Finish& finish, const GenerateRequest& request);

}  // namespace verbatim::server
