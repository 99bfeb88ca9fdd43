// /v1/completions: its body and its stream. With echo, the prompt is the beginning of the text.
#include <algorithm>
#include <optional>
#include <span>

#include "server/text_offsets.h"
#include "server/whole_answer.h"

namespace verbatim::server {
namespace {

constexpr std::string_view kCompletionIdPrefix = "cmpl-", kObject = "text_completion";

// The prompt's part of the log-probabilities of one choice: of its tokens, where it is echoed.
std::vector<CompletionToken> tokens_of_prompt(const AnswerContext& context, std::size_t choice) {
  std::vector<CompletionToken> shown;
  if (!context.call.show.echo) return shown;
  const Prompt& prompt = context.prompt_of(choice);
  const LogprobRows& scores = context.scores_of(choice);
  const std::vector<std::int64_t> offsets =
      prompt_offsets(prompt.tokens, prompt.text, context.model->tokenizer());
  shown.reserve(offsets.size());
  for (std::size_t i = 0; i < offsets.size(); ++i)
    shown.push_back({prompt.tokens[i], offsets[i], i == 0 ? std::nullopt : std::optional(scores[i - 1])});
  return shown;
}

// Where drawn tokens stand in the text. What ends a text is seen too late for its tokens: those of a stop string stand
// where they would.
class AnswerOffsets {
 public:
  AnswerOffsets(const AnswerContext& context, std::size_t choice)
      : tokenizer_(context.model->tokenizer()),
        skip_special_(context.call.requests.front().skip_special),
        counter_(context.call.show.echo ? characters_in(context.prompt_of(choice).text) : 0) {}

  // The offset of the next token.
  std::int64_t pass(std::int32_t token) {
    const std::int64_t offset = counter_.index();
    bool at_start = false;  // it continues a text
    counter_.pass(tokenizer_.decode_step(token, skip_special_, at_start));
    return offset;
  }

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_;
  CharacterCounter counter_;
};

// All that logprobs shows of one choice.
std::vector<CompletionToken> tokens_of_choice(const AnswerContext& context, std::size_t choice,
                                              const ChoiceAnswer& answer, std::int64_t characters) {
  std::vector<CompletionToken> shown = tokens_of_prompt(context, choice);
  AnswerOffsets offsets(context, choice);
  for (std::size_t i = 0; i < answer.tokens.size(); ++i)
    shown.push_back(
        {answer.tokens[i], std::min(offsets.pass(answer.tokens[i]), characters), answer.logprobs[i]});
  return shown;
}

BodyPieces text_choice(const AnswerContext& context, std::size_t index, const ChoiceAnswer& answer) {
  const Show& show = context.call.show;
  const std::string text = show.echo ? context.prompt_of(index).text + answer.text : answer.text;
  std::string out = fmt::format(R"({{"index":{},"text":)", index);
  append_json_string(out, text);
  out += R"(,"logprobs":)";
  if (show.logprobs) {
    const std::vector<CompletionToken> tokens = tokens_of_choice(context, index, answer, characters_in(text));
    BodyPieces lists = completion_logprobs_json(tokens, *show.logprobs, context.names());
    for (std::string piece; lists.next(piece);)
      if (is_piece(out += piece)) co_yield out;
  } else {
    out += "null";
  }
  out += fmt::format(R"(,"finish_reason":"{}","stop_reason":{})", finish_name(answer.finish.reason),
                     stop_reason_json(answer.finish, context.call.requests.front()));
  if (show.prompt_logprobs) {
    out += R"(,"prompt_logprobs":)";
    BodyPieces scores =
        prompt_logprobs_json(context.scores_of(index), 1, *show.prompt_logprobs, context.names());
    for (std::string piece; scores.next(piece);)
      if (is_piece(out += piece)) co_yield out;
  }
  if (show.token_ids) {
    out += R"(,"prompt_token_ids":)";
    append_json_ids(out, context.prompt_of(index).tokens);
    out += R"(,"token_ids":)";
    append_json_ids(out, answer.tokens);
  }
  out += context.receipt_field(index);
  co_yield out += '}';
}

class CompletionStream final : public StreamPresenter {
 public:
  CompletionStream(const AnswerContext& context, EventStream events)
      : StreamPresenter(context, std::move(events)),
        head_(context.head(kCompletionIdPrefix, kObject) + R"(,"choices":[)") {
    for (std::size_t choice = 0; choice < context.call.choices(); ++choice)
      offsets_.emplace_back(context, choice);
  }

  void start() override { events_.begin(context_.headers); }

  void prompt(std::size_t choice) override {
    if (!show().echo && !show().token_ids) return;
    const Prompt& prompt = context_.prompt_of(choice);
    const bool scored = show().echo && show().logprobs;
    send(choice, show().echo ? prompt.text : "",
         scored ? logprobs_json(tokens_of_prompt(context_, choice)) : "null", "prompt_token_ids",
         prompt.tokens);
  }

  void token(std::size_t choice, const TokenEvent& event) override {
    ++drawn_[choice];
    if (event.text.empty() && !shows_every_token()) return;
    std::string logprobs = "null";
    if (event.logprobs) {
      const CompletionToken token{event.token, offsets_[choice].pass(event.token), *event.logprobs};
      logprobs = logprobs_json(std::span(&token, 1));
    }
    send(choice, event.text, logprobs, "token_ids", std::span(&event.token, 1));
  }

  void finish(std::size_t choice, const Finish& finish) override {
    drawn_[choice] = finish.tokens;
    std::string& out = open(choice, finish.text);
    out += fmt::format(R"(null,"finish_reason":"{}","stop_reason":{})", finish_name(finish.reason),
                       stop_reason_json(finish, context_.call.requests.front()));
    out += context_.receipt_field(choice);
    close(out, choice);
  }

  void end(const Usage& usage) override {
    if (show().usage_event) events_.send(head_ + R"(],"usage":)" + usage_json(usage, false) + '}');
    events_.send("[DONE]");
    events_.end();
  }

 private:
  // An event before the last; ids_name: under which it shows `ids`, if they are wanted
  void send(std::size_t choice, std::string_view text, std::string_view logprobs, std::string_view ids_name,
            std::span<const std::int32_t> ids) {
    std::string& out = open(choice, text);
    out += logprobs;
    out += R"(,"finish_reason":null)";
    if (show().token_ids) {
      out += fmt::format(R"(,"{}":)", ids_name);
      append_json_ids(out, ids);
    }
    close(out, choice);
  }
  std::string logprobs_json(std::span<const CompletionToken> tokens) const {
    std::string out;
    BodyPieces lists = completion_logprobs_json(tokens, *show().logprobs, context_.names());
    for (std::string piece; lists.next(piece);) out += piece;
    return out;
  }
  // Up to the value of "logprobs".
  std::string& open(std::size_t choice, std::string_view text) {
    std::string& out = events_.open();
    out += head_;
    out += R"({"index":)";
    append_json_number(out, static_cast<std::int64_t>(choice));
    out += R"(,"text":)";
    append_json_string(out, text);
    return out += R"(,"logprobs":)";
  }
  void close(std::string& out, std::size_t choice) {
    out += "}]" + usage_field(choice) + '}';
    events_.close();
  }

  std::string head_;
  std::vector<AnswerOffsets> offsets_;  // of each choice
};

}  // namespace

BodyPieces completion_body(std::shared_ptr<const CollectedAnswers> all) {
  const AnswerContext& context = *all->context;
  std::string out = context.head(kCompletionIdPrefix, kObject) + R"(,"choices":[)";
  for (std::size_t i = 0; i < all->choices.size(); ++i) {
    if (i > 0) out += ',';
    BodyPieces choice = text_choice(context, i, all->choices[i]);
    for (std::string piece; choice.next(piece);)
      if (is_piece(out += piece)) co_yield out;
  }
  co_yield out += R"(],"usage":)" + usage_json(all->usage, true) + '}';
}

std::unique_ptr<Presenter> make_completion_stream(const AnswerContext& context, EventStream events) {
  return std::make_unique<CompletionStream>(context, std::move(events));
}

}  // namespace verbatim::server
