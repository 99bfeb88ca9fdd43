// /v1/responses: its body and its stream. Nothing is kept.
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
  const Show& show = context.call.show;
  std::string incomplete =
      state.incomplete_reason.empty() ? "null" : fmt::format(R"({{"reason":"{}"}})", state.incomplete_reason);
  return fmt::format(
      R"({{"id":"resp_{}","object":"response","created_at":{},"status":"{}","error":null,)"
      R"("incomplete_details":{},"instructions":null,"max_output_tokens":{},"metadata":{{}},"model":{},)"
      R"("output":[{}],"parallel_tool_calls":{},"previous_response_id":null,"store":false,)"
      R"("system_fingerprint":"{}","temperature":{},"text":{{"format":{}}},)"
      R"("tool_choice":{},"tools":{},"top_p":{},"truncation":"disabled","usage":{}{}}})",
      context.nonce, context.created, state.status, incomplete, request.max_tokens,
      json_string(context.call.model), state.output, show.parallel_tool_calls,
      context.model->short_fingerprint(), request.sampling.temperature, show.format, show.tool_choice,
      show.tools, request.sampling.top_p, state.usage, state.receipt);
}

std::string part_json(std::string_view text) {
  return fmt::format(R"({{"type":"output_text","text":{},"annotations":[]}})", json_string(text));
}

// The ids of an item: the first one's does not say its place.
std::string item_id(const AnswerContext& context, const AnswerPart& part, std::size_t index) {
  if (std::holds_alternative<ToolCall>(part)) return fmt::format("fc_{}_{}", context.nonce, index);
  return index == 0 ? "msg_" + context.nonce : fmt::format("msg_{}_{}", context.nonce, index);
}

// begins: as it stands before anything of it has come
std::string item_json(const AnswerContext& context, const AnswerPart& part, std::size_t index,
                      std::string_view status, bool begins = false) {
  const std::string id = item_id(context, part, index);
  if (const auto* call = std::get_if<ToolCall>(&part))
    return fmt::format(
        R"({{"id":"{}","type":"function_call","status":"{}","call_id":"call_{}_{}","name":{},"arguments":{}}})",
        id, status, context.nonce, index, json_string(call->name), json_string(call->arguments));
  return fmt::format(R"({{"id":"{}","type":"message","status":"{}","role":"assistant","content":[{}]}})", id,
                     status, begins ? "" : part_json(std::get<std::string>(part)));
}

// All but the last are complete. REQUIRES: not empty
std::string items_json(const AnswerContext& context, const std::vector<AnswerPart>& parts,
                       std::string_view last_status) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    out += item_json(context, parts[i], i, last ? last_status : "completed");
    if (!last) out += ',';
  }
  return out;
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

ResponseState final_state(const AnswerContext& context, const std::vector<AnswerPart>& parts,
                          const Finish& finish, const Usage& usage, bool details) {
  bool cut = finish.reason == FinishReason::length;
  return {status_of(finish), cut ? "max_output_tokens" : "", items_json(context, parts, status_of(finish)),
          response_usage_json(usage, details), context.receipt_field(0)};
}

class ResponseStream final : public StreamPresenter {
 public:
  ResponseStream(const AnswerContext& context, EventStream events)
      : StreamPresenter(context, std::move(events)), text_(context.call.make_parser) {}

  void start() override {
    events_.begin(context_.headers);
    std::string begun = response_json(context_, {});
    send("response.created", R"("response":)" + begun);
    send("response.in_progress", R"("response":)" + begun);
    if (!context_.call.make_parser) begin(std::string());  // it can only be a message
  }

  void token(std::size_t /*choice*/, const TokenEvent& event) override { take(text_.push(event.text)); }

  void finish(std::size_t /*choice*/, const Finish& finish) override {
    take(text_.push(finish.text));
    take(text_.finish());
    if (parts_.empty()) begin(std::string());
    finish_ = finish;
    end_item(status_of(finish));
  }

  void end(const Usage& usage) override {
    ResponseState state = final_state(context_, parts_, finish_, usage, false);
    send(finish_.reason == FinishReason::length ? "response.incomplete" : "response.completed",
         R"("response":)" + response_json(context_, state));
    events_.end();
  }

 private:
  void take(const std::vector<AnswerPiece>& pieces) {
    for (const AnswerPiece& piece : pieces) take(piece);
  }
  void take(const AnswerPiece& piece) {
    if (const auto* call = std::get_if<ToolCallBegin>(&piece)) return begin(ToolCall{call->name, ""});
    if (const auto* text = std::get_if<std::string>(&piece)) {
      if (parts_.empty() || std::holds_alternative<ToolCall>(parts_.back())) begin(std::string());
      send("response.output_text.delta", content_place() + R"("logprobs":[],"delta":)" + json_string(*text));
    } else {
      send("response.function_call_arguments.delta",
           place() + R"("delta":)" + json_string(std::get<ToolCallArguments>(piece).text));
    }
    add_piece(parts_, piece);
  }

  void begin(AnswerPart part) {
    if (!parts_.empty()) end_item("completed");
    parts_.push_back(std::move(part));
    send("response.output_item.added", item("in_progress", true));
    if (std::holds_alternative<std::string>(parts_.back()))
      send("response.content_part.added", content_place() + R"("part":)" + part_json(""));
  }
  void end_item(std::string_view status) {
    if (const auto* call = std::get_if<ToolCall>(&parts_.back())) {
      send("response.function_call_arguments.done",
           place() + fmt::format(R"("name":{},"arguments":{})", json_string(call->name),
                                 json_string(call->arguments)));
    } else {
      const auto& text = std::get<std::string>(parts_.back());
      send("response.output_text.done", content_place() + R"("logprobs":[],"text":)" + json_string(text));
      send("response.content_part.done", content_place() + R"("part":)" + part_json(text));
    }
    send("response.output_item.done", item(status, false));
  }

  // Of the last item.
  std::size_t index() const { return parts_.size() - 1; }
  std::string place() const {
    return fmt::format(R"("item_id":"{}","output_index":{},)", item_id(context_, parts_.back(), index()),
                       index());
  }
  std::string content_place() const { return place() + R"("content_index":0,)"; }
  std::string item(std::string_view status, bool begins) const {
    return fmt::format(R"("output_index":{},"item":{})", index(),
                       item_json(context_, parts_.back(), index(), status, begins));
  }
  // fields: of the event's object, from its third on
  void send(std::string_view type, std::string_view fields) {
    events_.send(fmt::format(R"({{"type":"{}","sequence_number":{},{}}})", type, events_.number(), fields),
                 type);
  }

  AnswerText text_;
  std::vector<AnswerPart> parts_;  // the last one is open
  Finish finish_;
};

}  // namespace

BodyPieces response_body(std::shared_ptr<const CollectedAnswers> all) {
  const AnswerContext& context = *all->context;
  const ChoiceAnswer& answer = all->choices.front();
  std::vector<AnswerPart> parts = AnswerText(context.call.make_parser).parts_of(answer.text);
  if (parts.empty()) parts.emplace_back(std::string());
  std::string out = response_json(context, final_state(context, parts, answer.finish, all->usage, true));
  co_yield out;
}

std::unique_ptr<Presenter> make_response_stream(const AnswerContext& context, EventStream events) {
  return std::make_unique<ResponseStream>(context, std::move(events));
}

}  // namespace verbatim::server
