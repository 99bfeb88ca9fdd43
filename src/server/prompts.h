// Prompts: what a body gives as text, token ids or a conversation, as token ids.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/asked.h"
#include "server/served_model.h"

namespace verbatim::server {

struct Prompt {
  std::vector<std::int32_t> tokens;
  std::string text;  // as given; of token ids: decoded
};

inline constexpr std::size_t kMostPrompts = 1024;

// The tokens of a text.   param: the parameter's name, for errors. interrupt: asked on the way
Result<std::vector<std::int32_t>, ApiError> tokens_of_text(std::string_view text, std::string_view param,
                                                           const ServedModel& model, EncodeOptions options,
                                                           const Interrupt& interrupt);

// A string, an array of strings, an array of token ids, or an array of arrays of token ids.
// interrupt: asked before each too
Result<std::vector<Prompt>, ApiError> read_prompts(const OrderedJson& value, std::string_view param,
                                                   const ServedModel& model, EncodeOptions options,
                                                   const Interrupt& interrupt = {});

// An array of ids of the model's vocabulary.
Result<std::vector<std::int32_t>, ApiError> read_token_ids(const OrderedJson& value, std::string_view param,
                                                           const ServedModel& model);

// asked.messages through the chat template.
Result<Prompt, ApiError> read_conversation(const Asked& asked, const ServedModel& model,
                                           EncodeOptions options, const Interrupt& interrupt = {});

}  // namespace verbatim::server
