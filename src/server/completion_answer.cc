// /v1/completions: its body and its stream. With echo, the prompt is the beginning of the text.
#include <optional>
#include <span>

#include "server/whole_answer.h"

namespace verbatim::server {
namespace {

constexpr std::string_view kCompletionIdPrefix = "cmpl-", kObject = "text_completion";

// The prompt's part of the log-probabilities of one choice.
CompletionLogprobs logprobs_of_prompt(const AnswerContext& context, std::size_t choice) {
  CompletionLogprobs logprobs(context.names());
  if (!context.call.show.echo) return logprobs;
  logprobs.add_first(context.prompt_of(choice).tokens.front());
  for (const Logprobs& score : context.scores_of(choice)) logprobs.add(score, *context.call.show.logprobs);
  return logprobs;
}

std::string text_choice_json(const AnswerContext& context, std::size_t index, const ChoiceAnswer& answer) {
  const Show& show = context.call.show;
  const GenerateRequest& request = context.call.requests.front();
  std::string out = fmt::format(R"({{"index":{},"text":)", index);
  append_json_string(out, show.echo ? context.prompt_of(index).text + answer.text : answer.text);
  out += R"(,"logprobs":)";
  if (show.logprobs) {
    CompletionLogprobs logprobs = logprobs_of_prompt(context, index);
    for (const Logprobs& token : answer.logprobs) logprobs.add(token, *show.logprobs);
    out += logprobs.json();
  } else {
    out += "null";
  }
  out += fmt::format(R"(,"finish_reason":"{}","stop_reason":{})", finish_name(answer.finish.reason),
                     stop_reason_json(answer.finish, request));
  if (show.prompt_logprobs)
    out += R"(,"prompt_logprobs":)" +
           prompt_logprobs_json(context.scores_of(index), 1, *show.prompt_logprobs, context.names());
  if (show.token_ids) {
    out += R"(,"prompt_token_ids":)";
    append_json_ids(out, context.prompt_of(index).tokens);
    out += R"(,"token_ids":)";
    append_json_ids(out, answer.tokens);
  }
  return out + context.receipt_field(index) + '}';
}

class CompletionStream final : public StreamPresenter {
 public:
  CompletionStream(const AnswerContext& context, EventStream events)
      : StreamPresenter(context, std::move(events)),
        head_(context.head(kCompletionIdPrefix, kObject) + R"(,"choices":[)"),
        tail_(context.call.show.usage_event ? R"(],"usage":null})" : "]}"),
        offsets_(context.call.choices()) {}

  void start() override { events_.begin(context_.headers); }

  void prompt(std::size_t choice) override {
    if (!show().echo && !show().token_ids) return;
    const Prompt& prompt = context_.prompt_of(choice);
    std::optional<CompletionLogprobs> logprobs;
    if (show().echo && show().logprobs) logprobs = logprobs_of_prompt(context_, choice);
    send(choice, show().echo ? prompt.text : "", logprobs, "prompt_token_ids", prompt.tokens);
  }

  void token(std::size_t choice, const TokenEvent& event) override {
    if (event.text.empty() && !shows_every_token()) return;
    std::optional<CompletionLogprobs> logprobs;
    if (event.logprobs) {
      logprobs.emplace(context_.names(), offsets_[choice]);
      logprobs->add(*event.logprobs, *show().logprobs);
    }
    send(choice, event.text, logprobs, "token_ids", std::span(&event.token, 1));
  }

  void finish(std::size_t choice, const Finish& finish) override {
    std::string& out = open(choice, finish.text);
    out += fmt::format(R"(null,"finish_reason":"{}","stop_reason":{})", finish_name(finish.reason),
                       stop_reason_json(finish, context_.call.requests.front()));
    out += context_.receipt_field(choice);
    close(out);
  }

  void end(const Usage& usage) override {
    if (show().usage_event) events_.send(head_ + R"(],"usage":)" + usage_json(usage, false) + '}');
    events_.send("[DONE]");
    events_.end();
  }

 private:
  // An event before the last; ids_name: under which it shows `ids`, if they are wanted
  void send(std::size_t choice, std::string_view text, const std::optional<CompletionLogprobs>& logprobs,
            std::string_view ids_name, std::span<const std::int32_t> ids) {
    std::string& out = open(choice, text);
    out += logprobs ? logprobs->json() : "null";
    if (logprobs) offsets_[choice] = logprobs->offset();
    out += R"(,"finish_reason":null)";
    if (show().token_ids) {
      out += fmt::format(R"(,"{}":)", ids_name);
      append_json_ids(out, ids);
    }
    close(out);
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
  void close(std::string& out) {
    out += '}';
    out += tail_;
    events_.close();
  }

  std::string head_, tail_;
  std::vector<std::int64_t> offsets_;  // of each choice: where its next token's text begins, in characters
};

}  // namespace

std::string completion_body(const AnswerContext& context, const std::vector<ChoiceAnswer>& answers,
                            const Usage& usage) {
  std::string out = context.head(kCompletionIdPrefix, kObject) + R"(,"choices":[)";
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (i > 0) out += ',';
    out += text_choice_json(context, i, answers[i]);
  }
  return out + R"(],"usage":)" + usage_json(usage, true) + '}';
}

std::unique_ptr<Presenter> make_completion_stream(const AnswerContext& context, EventStream events) {
  return std::make_unique<CompletionStream>(context, std::move(events));
}

}  // namespace verbatim::server
