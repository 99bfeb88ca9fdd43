// The endpoints that need no engine: tokens and texts, and what is served here.
#pragma once

#include <memory>
#include <string>

#include "server/api_error.h"
#include "server/memory_budget.h"
#include "server/served_model.h"

namespace verbatim::server {

// POST /tokenize: {"prompt": text} or {"messages": [...]}
// share: holds the tokens until they are sent. model: outlives the body. interrupt: asked on the way
Result<BodyPieces, ApiError> tokenize(const std::string& body, const ServedModel& model,
                                      std::unique_ptr<MemoryShare> share, const Interrupt& interrupt = {});
// POST /detokenize: {"tokens": [...]}
HttpResponse detokenize(const std::string& body, const ServedModel& model);

// GET /tokenizer_info
HttpResponse show_tokenizer(const ServedModel& model);

// GET /v1/models, and one of them
HttpResponse list_models(const ServedModel& model);
HttpResponse show_model(const std::string& name, const ServedModel& model);

// GET /version
HttpResponse show_version(const ServedModel& model);

HttpResponse json_response(std::string body);

}  // namespace verbatim::server
