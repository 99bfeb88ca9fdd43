#include "server/whole_answer.h"

namespace verbatim::server {
namespace {

using WriteBody = std::string (*)(const AnswerContext&, const std::vector<ChoiceAnswer>&, const Usage&);

WriteBody body_of(Endpoint endpoint) {
  switch (endpoint) {
    case kChat:
      return chat_body;
    case kCompletions:
      return completion_body;
    case kResponses:
      return response_body;
    case kScore:
      return score_body;
    default:
      CHECK(false, "endpoint {} has no answers", static_cast<unsigned>(endpoint));
  }
}

}  // namespace

std::string usage_json(const Usage& usage, bool details) {
  std::string out = fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{})",
                                usage.prompt_tokens, usage.completion_tokens, usage.total());
  if (details)
    out +=
        fmt::format(R"(,"prompt_tokens_details":{{"cached_tokens":{}}},"completion_tokens_details":)"
                    R"({{"accepted_prediction_tokens":{},"rejected_prediction_tokens":{}}})",
                    usage.cached_tokens, usage.accepted_prediction_tokens, usage.rejected_prediction_tokens);
  return out + '}';
}

void WholeAnswer::token(std::size_t choice, const TokenEvent& event) {
  ChoiceAnswer& answer = answers_[choice];
  answer.text += event.text;
  answer.tokens.push_back(event.token);
  if (event.logprobs) answer.logprobs.push_back(*event.logprobs);
}

void WholeAnswer::finish(std::size_t choice, const Finish& finish) {
  answers_[choice].text += finish.text;
  answers_[choice].finish = finish;
}

void WholeAnswer::end(const Usage& usage) {
  HttpResponse response{200, context_.headers, body_of(context_.call.endpoint)(context_, answers_, usage)};
  response.headers.emplace_back("Content-Type", "application/json");
  responder_->respond(std::move(response));
}

void WholeAnswer::fail(const ApiError& error, bool /*own*/) { responder_->respond(error_response(error)); }

}  // namespace verbatim::server
