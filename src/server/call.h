// Call: a body turned into what the engine computes and what the answer shows.
//
// With the fingerprint, a Call decides every bit of the answer; `digest` names the two together, so that a
// stream can be continued by another server exactly when it would have said the same (resume_id.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "server/answer_parser.h"
#include "server/prompts.h"

namespace verbatim::server {

struct Call {
  Endpoint endpoint = kChat;
  std::string model;  // the name that the answer shows
  Show show;
  std::vector<Prompt> prompts;
  MakeAnswerParser make_parser;           // empty: the text is shown as it is
  std::vector<GenerateRequest> requests;  // one a prompt; all have the same n and parameters
  std::vector<std::string> ignored;       // parameters that are not known
  std::string digest;                     // 24 hex digits
  std::string cache_salt;
  // For receipts (ReceiptShow::parameters), one a prompt: the body without the prompts, whose tokens are in the
  // receipts, and without what decides nothing. With echo, which shows it, the prompt as it was given.
  std::vector<std::string> parameters;

  std::size_t choices_per_prompt() const { return static_cast<std::size_t>(requests.front().n); }
  std::size_t choices() const { return requests.size() * choices_per_prompt(); }
};

// Errors: a parameter that is wrong, unsupported or does not fit (400), a model that is not here (404).
// interrupt: asked between its steps
// conversation: the tokens of the one prompt; then the body's messages or input are not looked at
Result<Call, ApiError> read_call(const std::string& body, Endpoint endpoint, const ServedModel& model,
                                 const Interrupt& interrupt = {},
                                 const std::vector<std::int32_t>* conversation = nullptr);

// The paths of the endpoints that answer, as receipts name them.
std::string_view path_of(Endpoint endpoint);
std::optional<Endpoint> endpoint_at(std::string_view path);

// "temperature=1 top_p=1 ... seed=0 max_tokens=16": what was used, defaults included.
std::string effective_parameters(const Call& call);

// Whether `name` is served. Empty: the body gave none, which is fine.
std::optional<ApiError> check_model_name(const std::string& name, const ServedModel& model);

}  // namespace verbatim::server
