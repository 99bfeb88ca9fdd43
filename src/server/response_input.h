// The Responses API's input as messages of a conversation.
#pragma once

#include "server/asked.h"

namespace verbatim::server {

// Items of input and what becomes of them:
//   message               a message; its parts may be input_text, output_text or text
//   function_call         a call of the assistant's turn that it stands in
//   function_call_output  a message of the role tool
//   reasoning             reasoning_content of the assistant's turn that follows, for templates that read it
// Others, such as references to items, are refused by name.
Result<OrderedJson, ApiError> messages_of_input(const Asked& asked);

}  // namespace verbatim::server
