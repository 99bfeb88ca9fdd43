// Answers of a server, saved, and what verification says of them.
#pragma once

#include "receipt/signer.h"
#include "server/api_fixture.h"
#include "verify/verify_answers.h"

namespace verbatim {

using Judged = std::vector<JudgedReceipt>;
using Outcome = Verdict::Outcome;

// The model is used by the servers' engines too: they are idle, then.
inline Judged judge(const std::string& text, const VerifyAnswersOptions& options = {},
                    const char* chat_template = server::kTinyTemplate) {
  auto found = find_answers(text, "f");
  if (!found) return {{"f", {Outcome::not_verified, "file", {}, found.error().message, 0, 0}}};
  static auto& loaded = const_cast<LoadedModel&>(server::tiny_loaded_model());
  return verify_answers(loaded, server::tiny_served_model(chat_template), *std::move(found), options);
}

inline VerifyAnswersOptions sent(const Json& request) {
  VerifyAnswersOptions options;
  options.request = request.dump();
  return options;
}

inline bool all_valid(const Judged& judged) {
  return std::ranges::all_of(judged, [](const auto& one) { return one.verdict.outcome == Outcome::valid; });
}

inline std::string described(const Judged& judged) {
  std::string out;
  for (const auto& [where, verdict] : judged)
    out += fmt::format("{}: {} {}: {}\n", where, static_cast<int>(verdict.outcome), verdict.what,
                       verdict.sentence);
  return out;
}

inline void expect_valid(const Judged& judged, std::size_t count) {
  EXPECT_TRUE(judged.size() == count && all_valid(judged)) << described(judged);
}

// All of them, and so named.
inline void expect_invalid(const Judged& judged, const std::string& what) {
  for (const auto& [where, verdict] : judged)
    EXPECT_TRUE(verdict.outcome == Outcome::invalid && verdict.what == what) << what << "\n"
                                                                             << described(judged);
}

// A server's answers to requests of every kind, whole or as streams.
struct Asked {
  const char* path;
  Json body;
};
inline std::vector<Asked> requests_of_every_kind() {
  const Json messages = server::kMessages;
  const Json schema = {{"type", "object"},
                       {"properties", {{"a", {{"type", "boolean"}}}}},
                       {"required", Json::array({"a"})},
                       {"additionalProperties", false}};
  const Json tools =
      Json::array({{{"type", "function"}, {"function", {{"name", "look"}, {"parameters", schema}}}}});
  const char *completions = "/v1/completions", *chat = "/v1/chat/completions", *responses = "/v1/responses";
  std::vector<Asked> all = {
      {completions, {{"prompt", Json::array({"once upon", "a time"})}, {"n", 2}, {"seed", 5}}},
      {completions, {{"prompt", "the"}, {"echo", true}, {"logprobs", 3}, {"temperature", 0}}},
      {completions,
       {{"prompt", Json::array({5, 6, 7})},
        {"logprobs", 0},
        {"return_token_ids", true},
        {"ignore_eos", true}}},
      {completions,
       {{"prompt", Json::array({Json::array({5, 6, 7}), Json::array({8})})},
        {"echo", true},
        {"stop", "e"},
        {"model", "alias"}}},
      {completions,
       {{"prompt", "x"}, {"prompt_logprobs", 2}, {"stop_token_ids", Json::array({7})}, {"user", "me"}}},
      {completions, {{"prompt", "x"}, {"max_tokens", 0}, {"echo", true}}},
      {chat, {{"messages", messages}, {"logprobs", true}, {"top_logprobs", 2}, {"n", 2}, {"unknown", 1}}},
      {chat, {{"messages", messages}, {"return_tokens_as_token_ids", true}, {"logprobs", true}}},
      {chat, {{"messages", messages}, {"tools", tools}}},
      {chat, {{"messages", messages}, {"tools", tools}, {"tool_choice", "required"}, {"max_tokens", 60}}},
      {chat, {{"messages", messages}, {"response_format", {{"type", "json_object"}}}}},
      {chat,
       {{"messages", messages},
        {"response_format",
         {{"type", "json_schema"}, {"json_schema", {{"name", "x"}, {"schema", schema}}}}}}},
      {responses, {{"input", "hello"}}},
      {responses, {{"input", "hello"}, {"instructions", "be brief"}, {"temperature", 0.5}}},
      {completions,
       {{"prompt", "x"}, {"min_tokens", 5}, {"stop_token_ids", Json::array({7, 8, 9})}, {"top_p", 0}}},
      {chat, {{"messages", messages}, {"continue_final_message", true}, {"reasoning_effort", "low"}}},
  };
  for (auto& [path, body] : all) {
    body["receipt"] = true;
    const char* limit = path == responses ? "max_output_tokens" : "max_tokens";
    if (!body.contains(limit)) body[limit] = 6;
  }
  return all;
}

// As streams: those that can be.
inline std::vector<Asked> streams_of_every_kind() {
  std::vector<Asked> all = requests_of_every_kind();
  std::erase_if(all, [](const Asked& asked) { return asked.body.contains("prompt_logprobs"); });
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].body["stream"] = true;
    if (i % 2 == 0 && all[i].path != std::string("/v1/responses"))
      all[i].body["stream_options"] = {{"include_usage", true}};
  }
  return all;
}

}  // namespace verbatim
