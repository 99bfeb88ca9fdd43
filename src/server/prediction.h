// Prediction: the answer that a client expects (OpenAI's predicted outputs), as the draft of a request.
//
//   {"type": "content", "content": "text" or [{"type": "text", "text": "..."}]}
//   {"type": "token_ids", "token_ids": [15043, ...]}          what return_token_ids gave: no guess about tokens
//
// It changes how fast an answer comes, not a bit of it; so it is no part of a stream's identity, and a client that
// continues a broken stream says with it what it already has: the server checks that in a few steps.
#pragma once

#include <cstdint>
#include <vector>

#include "server/prompts.h"

namespace verbatim::server {

// The tokens that may follow the prompt. options: how the prompt's text was encoded. interrupt: asked on the way. Errors name
// the field.
Result<std::vector<std::int32_t>, ApiError> read_prediction(const OrderedJson& prediction,
                                                            const Prompt& prompt, const ServedModel& model,
                                                            EncodeOptions options,
                                                            const Interrupt& interrupt);

}  // namespace verbatim::server
