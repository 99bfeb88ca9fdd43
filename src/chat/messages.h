// OpenAI messages as a chat template takes them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "chat/chat_template.h"

namespace verbatim {

// The messages with content and tool calls in the form that `takes` says (chat_template.h). What they cannot be turned
// into is an error that names the field: a part that is no text, arguments that are no JSON object.
Result<nlohmann::ordered_json> normalised_messages(const nlohmann::ordered_json& messages,
                                                   const ChatTemplate::Takes& takes);

}  // namespace verbatim
