#include "server/whole_answer.h"

namespace verbatim::server {
namespace {

WriteBody* body_of(Endpoint endpoint) {
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

WholeAnswer::WholeAnswer(std::shared_ptr<const AnswerContext> context, std::shared_ptr<Responder> responder)
    : all_(std::make_shared<CollectedAnswers>()), responder_(std::move(responder)) {
  all_->choices.resize(context->call.choices());
  all_->context = std::move(context);
}

void WholeAnswer::token(std::size_t choice, const TokenEvent& event) {
  ChoiceAnswer& answer = all_->choices[choice];
  answer.text += event.text;
  answer.tokens.push_back(event.token);
  if (event.logprobs) answer.logprobs.push(*event.logprobs);
}

void WholeAnswer::finish(std::size_t choice, const Finish& finish) {
  ChoiceAnswer& answer = all_->choices[choice];
  answer.text += finish.text;
  answer.finish = finish;
}

void WholeAnswer::end(const Usage& usage) {
  all_->usage = usage;
  HttpResponse head{200, all_->context->headers, {}};
  head.headers.emplace_back("Content-Type", "application/json");
  WriteBody* body = body_of(all_->context->call.endpoint);
  responder_->respond_in_pieces(std::move(head), body(std::move(all_)));
}

void WholeAnswer::fail(const ApiError& error, bool /*own*/) { responder_->respond(error_response(error)); }

}  // namespace verbatim::server
