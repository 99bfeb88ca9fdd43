// /v1/responses: its body and its stream. Text in, text out, nothing is kept.
#include "server/whole_answer.h"

namespace verbatim::server {
namespace {

// A response in one of its states: as the stream's first and last events and the body show it.
struct ResponseState {
  std::string_view status = "in_progress";
  std::string_view incomplete_reason;  // empty: null
  std::string output;                  // of the list, without brackets
  std::string usage = "null";
  std::string receipt;  // with the comma before it
};

std::string response_json(const AnswerContext& context, const ResponseState& state) {
  const GenerateRequest& request = context.call.requests.front();
  std::string incomplete =
      state.incomplete_reason.empty() ? "null" : fmt::format(R"({{"reason":"{}"}})", state.incomplete_reason);
  return fmt::format(
      R"({{"id":"resp_{}","object":"response","created_at":{},"status":"{}","error":null,)"
      R"("incomplete_details":{},"instructions":null,"max_output_tokens":{},"metadata":{{}},"model":{},)"
      R"("output":[{}],"parallel_tool_calls":false,"previous_response_id":null,"store":false,)"
      R"("system_fingerprint":"{}","temperature":{},"text":{{"format":{}}},)"
      R"("tool_choice":"none","tools":[],"top_p":{},"truncation":"disabled","usage":{}{}}})",
      context.nonce, context.created, state.status, incomplete, request.max_tokens,
      json_string(context.call.model), state.output, context.model->short_fingerprint(),
      request.sampling.temperature, context.call.show.format, request.sampling.top_p, state.usage,
      state.receipt);
}

std::string part_json(std::string_view text) {
  return fmt::format(R"({{"type":"output_text","text":{},"annotations":[]}})", json_string(text));
}

std::string message_json(const AnswerContext& context, std::string_view status, std::string_view parts) {
  return fmt::format(R"({{"id":"msg_{}","type":"message","status":"{}","role":"assistant","content":[{}]}})",
                     context.nonce, status, parts);
}

std::string response_usage_json(const Usage& usage, bool details) {
  std::string input =
      details ? fmt::format(R"("input_tokens_details":{{"cached_tokens":{}}},)", usage.cached_tokens) : "";
  return fmt::format(
      R"({{"input_tokens":{},{}"output_tokens":{},"output_tokens_details":{{"reasoning_tokens":0}},)"
      R"("total_tokens":{}}})",
      usage.prompt_tokens, input, usage.completion_tokens, usage.total());
}

std::string_view status_of(const Finish& finish) {
  return finish.reason == FinishReason::length ? "incomplete" : "completed";
}

ResponseState final_state(const AnswerContext& context, const std::string& text, const Finish& finish,
                          const Usage& usage, bool details) {
  bool cut = finish.reason == FinishReason::length;
  return {status_of(finish), cut ? "max_output_tokens" : "",
          message_json(context, status_of(finish), part_json(text)), response_usage_json(usage, details),
          context.receipt_field(0)};
}

class ResponseStream final : public StreamPresenter {
 public:
  using StreamPresenter::StreamPresenter;

  void start() override {
    events_.begin(context_.headers);
    std::string begun = response_json(context_, {});
    send("response.created", R"("response":)" + begun);
    send("response.in_progress", R"("response":)" + begun);
    send("response.output_item.added",
         R"("output_index":0,"item":)" + message_json(context_, "in_progress", ""));
    send("response.content_part.added", place() + R"("part":)" + part_json(""));
  }

  void token(std::size_t /*choice*/, const TokenEvent& event) override { delta(event.text); }

  void finish(std::size_t /*choice*/, const Finish& finish) override {
    delta(finish.text);
    finish_ = finish;
    send("response.output_text.done", place() + R"("logprobs":[],"text":)" + json_string(text_));
    send("response.content_part.done", place() + R"("part":)" + part_json(text_));
    send("response.output_item.done",
         R"("output_index":0,"item":)" + message_json(context_, status_of(finish), part_json(text_)));
  }

  void end(const Usage& usage) override {
    ResponseState state = final_state(context_, text_, finish_, usage, false);
    send(finish_.reason == FinishReason::length ? "response.incomplete" : "response.completed",
         R"("response":)" + response_json(context_, state));
    events_.end();
  }

 private:
  std::string place() const {
    return fmt::format(R"("item_id":"msg_{}","output_index":0,"content_index":0,)", context_.nonce);
  }
  void delta(const std::string& text) {
    if (text.empty()) return;
    text_ += text;
    send("response.output_text.delta", place() + R"("logprobs":[],"delta":)" + json_string(text));
  }
  // fields: of the event's object, from its third on
  void send(std::string_view type, std::string_view fields) {
    events_.send(fmt::format(R"({{"type":"{}","sequence_number":{},{}}})", type, events_.number(), fields),
                 type);
  }

  std::string text_;
  Finish finish_;
};

}  // namespace

std::string response_body(const AnswerContext& context, const std::vector<ChoiceAnswer>& answers,
                          const Usage& usage) {
  const ChoiceAnswer& answer = answers.front();
  return response_json(context, final_state(context, answer.text, answer.finish, usage, true));
}

std::unique_ptr<Presenter> make_response_stream(const AnswerContext& context, EventStream events) {
  return std::make_unique<ResponseStream>(context, std::move(events));
}

}  // namespace verbatim::server
