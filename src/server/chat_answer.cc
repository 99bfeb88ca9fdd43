// /v1/chat/completions: its body and its stream.
#include "server/whole_answer.h"

namespace verbatim::server {
namespace {

constexpr std::string_view kChatIdPrefix = "chatcmpl-";

std::string_view finish_of(const Finish& finish, const AnswerText& text) {
  return finish.reason == FinishReason::stop && text.calls() > 0 ? "tool_calls" : finish_name(finish.reason);
}

constexpr std::string_view kLogprobsBegin = R"({"content":[)", kLogprobsEnd = R"(],"refusal":null})";

// "id":"...","type":"function","function":{"name":"...","arguments":"..."}
std::string call_json(const AnswerContext& context, std::size_t choice, std::int64_t number,
                      const ToolCall& call) {
  return fmt::format(R"("id":"call_{}_{}_{}","type":"function","function":{{"name":{},"arguments":{}}})",
                     context.nonce, choice, number, json_string(call.name), json_string(call.arguments));
}

// {"role":"assistant","content":...,"refusal":null,"tool_calls":[...]}
std::string message_json(const AnswerContext& context, std::size_t index,
                         const std::vector<AnswerPart>& parts) {
  std::string content, calls;
  std::int64_t count = 0;
  for (const AnswerPart& part : parts) {
    if (const auto* text = std::get_if<std::string>(&part)) content += *text;
    const auto* call = std::get_if<ToolCall>(&part);
    if (call == nullptr) continue;
    calls += count == 0 ? "{" : ",{";
    calls += call_json(context, index, count++, *call) + '}';
  }
  std::string out = R"({"role":"assistant","content":)";
  content.empty() && count > 0 ? void(out += "null") : append_json_string(out, content);
  out += R"(,"refusal":null)";
  if (count > 0) out += R"(,"tool_calls":[)" + calls + ']';
  return out + '}';
}

BodyPieces message_choice(const AnswerContext& context, std::size_t index, const ChoiceAnswer& answer) {
  const Show& show = context.call.show;
  AnswerText text(context.call.make_parser);
  std::string out = fmt::format(R"({{"index":{},"message":{},"logprobs":)", index,
                                message_json(context, index, text.parts_of(answer.text)));
  if (show.logprobs) {
    out += kLogprobsBegin;
    for (std::size_t i = 0; i < answer.logprobs.size(); ++i) {
      if (i > 0) out += ',';
      append_chat_logprob(out, answer.logprobs[i], context.names());
      if (is_piece(out)) co_yield out;
    }
    out += kLogprobsEnd;
  } else {
    out += "null";
  }
  out += fmt::format(R"(,"finish_reason":"{}","stop_reason":{})", finish_of(answer.finish, text),
                     stop_reason_json(answer.finish, context.call.requests.front()));
  if (show.token_ids) {
    out += R"(,"token_ids":)";
    append_json_ids(out, answer.tokens);
  }
  out += context.receipt_field(index);
  co_yield out += '}';
}

class ChatStream final : public StreamPresenter {
 public:
  ChatStream(const AnswerContext& context, EventStream events)
      : StreamPresenter(context, std::move(events)),
        head_(context.head(kChatIdPrefix, "chat.completion.chunk") + R"(,"choices":[)") {
    for (std::size_t i = 0; i < context.call.choices(); ++i)
      lanes_.push_back({AnswerText(context.call.make_parser), 0});
  }

  void start() override {
    events_.begin(context_.headers);
    for (std::size_t choice = 0; choice < lanes_.size(); ++choice) {
      std::string& out = open(choice);
      out += R"("role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}])";
      if (choice == 0 && show().token_ids) {
        out += R"(,"prompt_token_ids":)";
        append_json_ids(out, context_.prompt_of(0).tokens);
      }
      close(out, choice);
    }
  }

  void token(std::size_t choice, const TokenEvent& event) override {
    ++drawn_[choice];
    std::vector<AnswerPiece> pieces = lanes_[choice].text.push(event.text);
    if (pieces.empty() && shows_every_token()) pieces.emplace_back("");
    for (const AnswerPiece& piece : pieces) send(choice, piece, &piece == &pieces.front() ? &event : nullptr);
  }

  void finish(std::size_t choice, const Finish& finish) override {
    AnswerText& text = lanes_[choice].text;
    drawn_[choice] = finish.tokens;
    for (const AnswerPiece& piece : text.push(finish.text)) send(choice, piece, nullptr);
    for (const AnswerPiece& piece : text.finish()) send(choice, piece, nullptr);
    std::string& out = open(choice);
    out += fmt::format(R"(}},"logprobs":null,"finish_reason":"{}","stop_reason":{})", finish_of(finish, text),
                       stop_reason_json(finish, context_.call.requests.front()));
    out += context_.receipt_field(choice) + "}]";
    close(out, choice);
  }

  void end(const Usage& usage) override {
    if (show().usage_event) events_.send(head_ + R"(],"usage":)" + usage_json(usage, false) + '}');
    events_.send("[DONE]");
    events_.end();
  }

 private:
  struct Lane {
    AnswerText text;
    std::int64_t calls_sent = 0;
  };

  // token: whose log-probabilities and id the event carries, if they are wanted
  void send(std::size_t choice, const AnswerPiece& piece, const TokenEvent* token) {
    std::string& out = open(choice);
    append_delta(out, choice, piece);
    out += R"(},"logprobs":)";
    if (token != nullptr && token->logprobs) {
      out += kLogprobsBegin;
      append_chat_logprob(out, *token->logprobs, context_.names());
      out += kLogprobsEnd;
    } else {
      out += "null";
    }
    out += R"(,"finish_reason":null)";
    if (token != nullptr && show().token_ids) {
      out += R"(,"token_ids":)";
      append_json_ids(out, std::span(&token->token, 1));
    }
    out += "}]";
    close(out, choice);
  }

  void append_delta(std::string& out, std::size_t choice, const AnswerPiece& piece) {
    if (const auto* text = std::get_if<std::string>(&piece)) {
      out += R"("content":)";
      append_json_string(out, *text);
      return;
    }
    std::int64_t& calls = lanes_[choice].calls_sent;
    if (const auto* begin = std::get_if<ToolCallBegin>(&piece)) {
      out += fmt::format(R"("tool_calls":[{{"index":{},{}}}])", calls,
                         call_json(context_, choice, calls, {begin->name, ""}));
      ++calls;
      return;
    }
    out += fmt::format(R"("tool_calls":[{{"index":{},"function":{{"arguments":{}}}}}])", calls - 1,
                       json_string(std::get<ToolCallArguments>(piece).text));
  }

  // Into the delta.
  std::string& open(std::size_t choice) {
    std::string& out = events_.open();
    out += head_;
    out += R"({"index":)";
    append_json_number(out, static_cast<std::int64_t>(choice));
    return out += R"(,"delta":{)";
  }
  // From behind the choices.
  void close(std::string& out, std::size_t choice) {
    out += usage_field(choice) + '}';
    events_.close();
  }

  std::string head_;
  std::vector<Lane> lanes_;  // of each choice
};

}  // namespace

BodyPieces chat_body(std::shared_ptr<const CollectedAnswers> all) {
  const AnswerContext& context = *all->context;
  const Show& show = context.call.show;
  std::string out = context.head(kChatIdPrefix, "chat.completion") + R"(,"choices":[)";
  for (std::size_t i = 0; i < all->choices.size(); ++i) {
    if (i > 0) out += ',';
    BodyPieces choice = message_choice(context, i, all->choices[i]);
    for (std::string piece; choice.next(piece);)
      if (is_piece(out += piece)) co_yield out;
  }
  out += R"(],"usage":)" + usage_json(all->usage, true);
  if (show.prompt_logprobs) {
    out += R"(,"prompt_logprobs":)";
    BodyPieces scores = prompt_logprobs_json(context.scores_of(0), 1, *show.prompt_logprobs, context.names());
    for (std::string piece; scores.next(piece);)
      if (is_piece(out += piece)) co_yield out;
  }
  if (show.token_ids) {
    out += R"(,"prompt_token_ids":)";
    append_json_ids(out, context.prompt_of(0).tokens);
  }
  co_yield out += '}';
}

std::unique_ptr<Presenter> make_chat_stream(const AnswerContext& context, EventStream events) {
  return std::make_unique<ChatStream>(context, std::move(events));
}

}  // namespace verbatim::server
