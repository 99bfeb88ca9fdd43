#include "audit/dialect.h"

#include <algorithm>
#include <iterator>

namespace verbatim::audit {
namespace {

using Json = nlohmann::json;
using client::Endpoint;

constexpr int kTopLogprobs = 5;  // the most that OpenAI's completions give

constexpr Feature kFeatures[] = {
    {"token ids", "return_token_ids", &Dialect::token_ids},
    {"usage", "stream_options", &Dialect::usage},
    {"top_logprobs", "logprobs", &Dialect::top_logprobs},
    {"logprobs", "logprobs", &Dialect::logprobs},
    {"seed", "seed", &Dialect::seed},
    {"stream", "stream", &Dialect::stream},
};

}  // namespace

std::span<const Feature> features() { return kFeatures; }

Json body_of(const Dialect& dialect, const Request& request) {
  Json body = {{"model", dialect.model}, {"temperature", request.temperature}};
  body[dialect.max_completion_tokens ? "max_completion_tokens" : "max_tokens"] = request.max_tokens;
  if (dialect.seed) body["seed"] = request.seed;
  if (dialect.token_ids) body["return_token_ids"] = true;
  if (dialect.stream) {
    body["stream"] = true;
    if (dialect.usage) body["stream_options"]["include_usage"] = true;
  }
  if (dialect.endpoint == Endpoint::completions) {
    body["prompt"] = request.prompt;
    if (dialect.logprobs) body["logprobs"] = dialect.top_logprobs ? kTopLogprobs : 1;
    return body;
  }
  body["messages"] = Json::array({{{"role", "user"}, {"content", request.prompt}}});
  if (dialect.logprobs) body["logprobs"] = true;
  if (dialect.logprobs && dialect.top_logprobs) body["top_logprobs"] = kTopLogprobs;
  return body;
}

Concession concede(Dialect& dialect, const std::string& refusal) {
  auto names = [&](const char* parameter) { return refusal.find(parameter) != refusal.npos; };
  if (!dialect.max_completion_tokens && names("max_completion_tokens")) {
    dialect.max_completion_tokens = true;
    return {nullptr, true, true};
  }
  auto wanted = [&](const Feature& each) { return dialect.*each.wanted; };
  auto named = [&](const Feature& each) { return wanted(each) && names(each.parameter); };
  const auto* found = std::ranges::find_if(kFeatures, named);
  bool is_named = found != std::end(kFeatures);
  if (!is_named) found = std::ranges::find_if(kFeatures, wanted);
  if (found == std::end(kFeatures)) return {};
  dialect.*found->wanted = false;
  return {found, is_named, true};
}

void believe(Dialect& dialect, const Answer& answer) {
  auto missing = [&](bool Dialect::*wanted, bool came, const char* sentence) {
    if (!(dialect.*wanted) || came) return;
    dialect.*wanted = false;
    dialect.notes.emplace_back(sentence);
  };
  auto with_top = [](const ScoredToken& token) { return !token.top.empty(); };
  auto with_id = [](const Token& token) { return token.id.has_value(); };
  bool logprobs = dialect.logprobs;
  missing(&Dialect::logprobs, answer.has_logprobs(), "logprobs are accepted, but none come");
  if (logprobs != dialect.logprobs) dialect.top_logprobs = false;
  missing(&Dialect::top_logprobs, std::ranges::any_of(answer.tokens, with_top),
          "top_logprobs are accepted, but none come");
  missing(&Dialect::token_ids, std::ranges::any_of(answer.tokens, with_id), "token ids do not come");
}

Json to_json(const Dialect& dialect) {
  Json json = {{"endpoint", client::path_of(dialect.endpoint)},
               {"model", dialect.model},
               {"max_completion_tokens", dialect.max_completion_tokens},
               {"notes", dialect.notes}};
  for (const Feature& each : kFeatures) json[each.name] = dialect.*each.wanted;
  return json;
}

Dialect dialect_of(const Json& json) {
  Dialect dialect;
  bool chat = json.at("endpoint").get<std::string>() == client::path_of(Endpoint::chat);
  dialect.endpoint = chat ? Endpoint::chat : Endpoint::completions;
  json.at("model").get_to(dialect.model);
  json.at("max_completion_tokens").get_to(dialect.max_completion_tokens);
  json.at("notes").get_to(dialect.notes);
  for (const Feature& each : kFeatures) json.at(each.name).get_to(dialect.*each.wanted);
  return dialect;
}

}  // namespace verbatim::audit
