#include "server/presenter.h"

#include <algorithm>

#include "server/whole_answer.h"

namespace verbatim::server {

std::string AnswerContext::head(std::string_view id_prefix, std::string_view object) const {
  return fmt::format(R"({{"id":"{}{}","object":"{}","created":{},"model":{},"system_fingerprint":"{}")",
                     id_prefix, nonce, object, created, json_string(call.model), model->short_fingerprint());
}

std::unique_ptr<Presenter> make_presenter(const std::shared_ptr<const AnswerContext>& shared,
                                          std::shared_ptr<Responder> responder, std::int64_t first_event) {
  const AnswerContext& context = *shared;
  if (!context.call.show.stream) return std::make_unique<WholeAnswer>(shared, std::move(responder));
  EventStream events(std::move(responder), {context.nonce, context.created, context.call.digest, 0},
                     first_event);
  switch (context.call.endpoint) {
    case kChat:
      return make_chat_stream(context, std::move(events));
    case kCompletions:
      return make_completion_stream(context, std::move(events));
    case kResponses:
      return make_response_stream(context, std::move(events));
    default:
      break;
  }
  CHECK(false, "endpoint {} has no stream", static_cast<unsigned>(context.call.endpoint));
}

std::string StreamPresenter::usage_field(std::size_t choice) const {
  if (!show().usage_event) return {};
  if (!show().usage_in_events) return R"(,"usage":null)";
  Usage usage;
  usage.prompt_tokens = static_cast<std::int64_t>(context_.prompt_of(choice).tokens.size());
  usage.completion_tokens = drawn_[choice];
  return R"(,"usage":)" + usage_json(usage, false);
}

void StreamPresenter::fail(const ApiError& error, bool own) {
  if (!own) return events_.fail(error);
  events_.send(error_body(error), context_.call.endpoint == kResponses ? "error" : "");
  if (context_.call.endpoint != kResponses) events_.send("[DONE]");
  events_.end();
}

std::string_view finish_name(FinishReason reason) { return reason == FinishReason::stop ? "stop" : "length"; }

std::string stop_reason_json(const Finish& finish, const GenerateRequest& request) {
  if (!finish.stop_string.empty()) return json_string(finish.stop_string);
  if (finish.stop_token &&
      std::ranges::find(request.stop_tokens, *finish.stop_token) != request.stop_tokens.end())
    return fmt::format("{}", *finish.stop_token);
  return "null";
}

}  // namespace verbatim::server
