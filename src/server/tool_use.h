// ToolUse: what a request's tools, tool_choice and parallel_tool_calls ask for.
//
//   none       (or no tools) the template sees no tools, the answer is text
//   auto       the template sees them; calls are found in the answer as the model writes them. With a response_format
//              the answer is in the format, or one call
//   required   the answer is one call: {"name": ..., "arguments": {...}} that fits one of the tools
//   a function the answer is the arguments of that function, as JSON
//   allowed_tools: auto or required with some of the tools; the template sees no others
// The last three constrain decoding, so every model can do them, and what comes fits the schema: the parameters of
// each tool are a document of their own.
#pragma once

#include <string>

#include "server/answer_parser.h"
#include "server/asked.h"
#include "server/served_model.h"

namespace verbatim::server {

struct ToolUse {
  OrderedJson shown;       // the tools that the template sees, in Chat's form; null: none
  OrderedJson calls;       // the forms of a call (constrain/json_grammar.h); null: none can be constrained
  bool must_call = false;  // the answer is a call
  MakeAnswerParser make_parser;  // empty: the answer is text
  std::string stop;              // a stop string that ends a call; empty: none
};

// endpoint: the Responses API writes tools in a form of its own
Result<ToolUse, ApiError> read_tools(const Asked& asked, Endpoint endpoint, const ServedModel& model);

}  // namespace verbatim::server
