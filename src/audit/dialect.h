// Dialect: what a server was found to understand of the OpenAI API, and the body of a request in it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "audit/answer.h"
#include "audit/plan.h"
#include "client/endpoint.h"

namespace verbatim::audit {

struct Dialect {
  client::Endpoint endpoint = client::Endpoint::chat;
  std::string model;
  bool token_ids = true, usage = true, top_logprobs = true, logprobs = true, seed = true, stream = true;
  bool max_completion_tokens = false;  // in place of max_tokens
  std::vector<std::string> notes;      // what is missing, a sentence each

  bool operator==(const Dialect&) const = default;
};

// Parts of the API that an audit can do without, in the order in which it does.
struct Feature {
  const char* name;
  const char* parameter;  // in bodies, and in sentences that refuse it
  bool Dialect::*wanted;
};
std::span<const Feature> features();

nlohmann::json body_of(const Dialect& dialect, const Request& request);

// A server refused a body with this response: what to do without in the next. `named` says whether the refusal
// names it. nullptr: nothing is left, or max_completion_tokens was taken up.
struct Concession {
  const Feature* feature = nullptr;
  bool named = false;
  bool changed = false;  // something was; else the refusal stands
};
Concession concede(Dialect& dialect, const std::string& refusal);

// Turns off what was asked for and did not come, with a note.
void believe(Dialect& dialect, const Answer& answer);

nlohmann::json to_json(const Dialect& dialect);
Dialect dialect_of(const nlohmann::json& json);  // throws nlohmann::json::exception

}  // namespace verbatim::audit
