// Asked: what a request's body asks for, read and range-checked by the table of parameters, before anything
// is known of the model.
//
// Every key of a body is one of: supported (in Asked), known and unsupported (refused by name, unless its
// value asks for nothing), unknown (listed, so that the answer can say that it was not looked at). null means
// "not given", as OpenAI's schema has it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sample/sampler.h"
#include "server/api_error.h"
#include "server/json_text.h"

namespace verbatim::server {

// A set of endpoints is the sum of its members.
enum Endpoint : unsigned {
  kChat = 1,
  kCompletions = 2,
  kResponses = 4,
  kTokenize = 8,
  kDetokenize = 16,
  kScore = 32,
};

// How the answer is shown.
struct Show {
  std::optional<std::int64_t> logprobs;         // of answer tokens, with this many of the most likely
  std::optional<std::int64_t> prompt_logprobs;  // of prompt tokens
  std::int64_t score_from = 1;                  // /v1/score: first token that is scored
  bool echo = false;                            // the prompt is part of the text
  bool token_ids = false;
  bool tokens_as_ids = false;  // "token_id:15043" in place of a token's text
  bool token_strs = false;
  bool receipt = false;                                 // of each answer
  std::string format = R"({"type":"text"})";            // text.format of /v1/responses, as it was asked for
  std::string tools = "[]", tool_choice = R"("auto")";  // so, too
  bool parallel_tool_calls = true;
  bool stream = false;
  bool usage_event = false;
  bool usage_in_events = false;  // of the choice so far, in every event
};

struct Asked {
  std::string model;  // empty: not given

  // What is to be computed. The OrderedJson* point into the body; nullptr: not given.
  const OrderedJson* prompt = nullptr;
  const OrderedJson* messages = nullptr;
  const OrderedJson* input = nullptr;
  const OrderedJson* tokens = nullptr;
  const OrderedJson* instructions = nullptr;
  const OrderedJson* chat_template_kwargs = nullptr;
  const OrderedJson* tools = nullptr;
  const OrderedJson* tool_choice = nullptr;
  const OrderedJson* response_format = nullptr;
  const OrderedJson* prediction = nullptr;
  std::optional<bool> add_special_tokens;     // default: of the endpoint
  std::optional<bool> add_generation_prompt;  // unless continue_final_message: true
  bool continue_final_message = false;
  std::string reasoning_effort;  // empty: not given
  bool parse_special = true;

  SamplingParams sampling;  // the server's defaults where the body gives none
  std::int64_t n = 1;
  std::int64_t min_tokens = 0;
  std::optional<std::int64_t> max_tokens;  // -1: to the end of the context
  std::vector<std::string> stop;
  std::vector<std::int32_t> stop_token_ids;
  bool ignore_eos = false;
  bool skip_special_tokens = true;
  std::string cache_salt;  // of the prefix cache's namespace

  Show show;
};

struct ReadBody {
  Asked asked;
  std::vector<std::string> ignored;  // names that are not known
};

// body: an object, which must outlive the result. defaults: of the sampling parameters.
// The error names the parameter.
Result<ReadBody, ApiError> read_parameters(const OrderedJson& body, Endpoint endpoint,
                                           const SamplingParams& defaults);

// One parameter, for the documentation and the tests.
struct ParameterInfo {
  std::string_view name;
  unsigned endpoints;
  bool supported;
};
std::vector<ParameterInfo> known_parameters();

}  // namespace verbatim::server
