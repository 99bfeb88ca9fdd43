// ToolUse: what a request's tools and tool_choice ask for.
//
//   none       (or no tools) the template sees no tools, the answer is text
//   auto       the template sees them; calls are found in the answer as the model writes them
//   required   the answer must be one call: JSON {"name": ..., "arguments": {...}} that fits one of the tools
//   a function the answer must be the arguments of that function, as JSON
// The last two constrain decoding, so every model can do them, and what comes fits the schema.
#pragma once

#include <optional>

#include "server/answer_parser.h"
#include "server/asked.h"
#include "server/served_model.h"

namespace verbatim::server {

struct ToolUse {
  const OrderedJson* shown = nullptr;  // the tools that the template sees; nullptr: none
  OrderedJson answer_schema;           // null: the answer is free
  MakeAnswerParser make_parser;        // empty: the answer is text
};

Result<ToolUse, ApiError> read_tools(const Asked& asked, const ServedModel& model);

}  // namespace verbatim::server
