// --request: the receipt is of the request that was sent, or the difference has a name; and a receipt agrees with
// itself.
#include "receipt/receipt_fixture.h"
#include "verify/verify_fixture.h"

namespace verbatim {
namespace {

Json sent_completion() {
  return {{"prompt", {"once upon", "a time"}},
          {"max_tokens", 5},
          {"n", 2},
          {"seed", 5},
          {"stop", "zzz"},
          {"receipt", true},
          {"logprobs", 1},
          {"temperature", 0.5}};
}

TEST(Request, WhatIsNotTheRequestIsNamed) {
  server::TestServer server;
  const std::string answer = server.ask("/v1/completions", sent_completion()).body;
  server.wait_idle();
  expect_valid(judge(answer, sent(sent_completion())), 4);
  const std::tuple<const char*, Json, const char*> edits[] = {
      {"prompt", Json::array({"once upon", "a tide"}), "request.prompt"},
      {"prompt", Json::array({"once upon"}), "show.prompts"},
      {"max_tokens", 6, "request.max_tokens"},
      {"max_tokens", nullptr, "request.max_tokens"},
      {"seed", 6, "request.seed"},
      {"n", 1, "show.parameters/n"},
      {"n", 3, "show.parameters/n"},
      {"stop", nullptr, "request.stop.0"},
      {"temperature", 0.6, "request.temperature"},
      {"top_p", 0.5, "request.top_p"},
      {"logit_bias", {{"5", 1}}, "request.logit_bias.0"},
      {"response_format", {{"type", "json_object"}}, "request.schema"},
      {"skip_special_tokens", false, "request.skip_special_tokens"},
      {"logprobs", 2, "show.parameters/logprobs"},
      {"echo", true, "show.parameters/echo"},
      {"stream", true, "show.parameters/stream"},
      {"receipt", false, "show.parameters"},
      {"model", "other", "request"},
      {"temperature", "warm", "request"},
  };
  for (const auto& [key, value, what] : edits) {
    Json body = sent_completion();
    body[key] = value;
    const Judged judged = judge(answer, sent(body));
    EXPECT_FALSE(all_valid(judged)) << key;
    for (const auto& [where, verdict] : judged)
      EXPECT_TRUE(verdict.outcome == Outcome::valid || verdict.what.starts_with(what))
          << key << described(judged);
  }
  Json other = sent_completion();
  other["user"] = "somebody", other["unknown"] = 1, other["seed"] = 5;
  expect_valid(judge(answer, sent(other)), 4);
  EXPECT_FALSE(all_valid(judge(answer, {{}, "no JSON"})));
}

TEST(Request, OfConversationsTheTemplateIsCompared) {
  server::TestServer server;
  const Json tools = Json::array({{{"type", "function"}, {"function", {{"name", "look"}}}}});
  const Json body = {
      {"messages", server::kMessages}, {"tools", tools}, {"receipt", true}};  // without max_tokens
  const std::string answer = server.ask("/v1/chat/completions", body).body;
  server.wait_idle();
  expect_valid(judge(answer, sent(body)), 1);
  Json other = body;
  other["messages"][0]["content"] = "Hello here";
  EXPECT_TRUE(
      judge(answer, sent(other))[0].verdict.what.starts_with("request."));  // fewer tokens leave more room
  other = body;
  other["tools"][0]["function"]["description"] = "not in the template";
  EXPECT_TRUE(judge(answer, sent(other))[0].verdict.what.starts_with("show.parameters/tools/0/function"));
  other = body;
  other["max_tokens"] = 500;
  EXPECT_FALSE(all_valid(judge(answer, sent(other))));
}

TEST(Request, AReceiptOfARunHasNone) {
  std::mt19937 random(3);
  const std::string receipt = to_json_text(answer_alone(tiny_model(), rich_request(random))->receipts.at(0));
  const Judged judged = judge(receipt, sent(sent_completion()));
  EXPECT_EQ(judged[0].verdict.outcome, Outcome::not_verified);
  EXPECT_EQ(judged[0].verdict.what, "show");
}

// Whoever has the model can write a chain that fits: but what is shown must follow from what was computed.
TEST(Response, ReceiptsThatNoServerMakesAreNamed) {
  std::mt19937 random(3);
  GenerateRequest request = rich_request(random);
  while (request.constraint != nullptr) request = rich_request(random);
  auto sink = answer_alone(tiny_model(), request);
  const Receipt honest = sink->receipts.at(0);
  const char *chat = "/v1/chat/completions", *completions = "/v1/completions";
  const Json tool = {{"type", "function"}, {"function", {{"name", "look"}}}};
  const std::pair<ReceiptShow, const char*> shows[] = {
      {{"/v1/score", "m", 0, 1, R"({"receipt":true})"}, "show.endpoint"},
      {{completions, "m", 1, 1, R"({"receipt":true})"}, "show.prompt"},
      {{completions, "m", 0, 2, R"({"receipt":true})"}, "response"},
      {{completions, "m", 0, 0, R"({"receipt":true})"}, "show.prompt"},
      {{completions, "m", 0, 1, "receipt"}, "show.parameters"},
      {{completions, "m", 0, 1, R"({"receipt":1})"}, "show.parameters"},
      {{completions, "m", 0, 1, "{}"}, "show.parameters"},
      {{completions, "m", 0, 1, R"({"receipt":true})"}, "request."},
      {{completions, "m", 0, 1, R"({"receipt":true,"prompt":"x"})"}, "request."},
      {{completions, "m", 0, 1, R"({"receipt":true,"prompt":["x","y"]})"}, "show.parameters"},
      {{chat, "m", 0, 1,
        Json{{"receipt", true}, {"tools", Json::array({tool})}, {"tool_choice", "required"}}.dump()},
       "request."},
      {{chat, "m", 0, 2, R"({"receipt":true})"}, "response"},
  };
  for (const auto& [show, what] : shows) {
    Receipt forged = honest;
    forged.show = show;
    forged = forge(forged, hidden_of(*sink));
    const Json receipt = Json::parse(to_json_text(forged));
    expect_valid(judge(receipt.dump()), 1);  // alone it shows nothing
    const Judged judged = judge(Json{{"choices", Json::array({{{"receipt", receipt}}})}}.dump());
    EXPECT_EQ(judged[0].verdict.outcome, Outcome::invalid);
    EXPECT_TRUE(judged[0].verdict.what.starts_with(what)) << what << described(judged);
  }
  const Judged judged =
      judge(Json{{"choices", Json::array({{{"receipt", Json::parse(to_json_text(honest))}}})}}.dump());
  expect_invalid(judged, "show");
}

}  // namespace
}  // namespace verbatim
