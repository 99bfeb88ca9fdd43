// Every endpoint, asked as clients ask.
#include <algorithm>

#include "server/api_fixture.h"
#include "server/call.h"

namespace verbatim::server {
namespace {

class ApiEndpoints : public ::testing::Test {
 protected:
  TestServer server;
};

// ---- routes ---------------------------------------------------------------------------------------

TEST_F(ApiEndpoints, SmallOnesAnswer) {
  EXPECT_EQ(server.get("/health").status, 200);
  EXPECT_EQ(server.get("/ready").status, 200);
  Json version = Json::parse(server.get("/version").body);
  EXPECT_EQ(version["version"], "test");
  EXPECT_EQ(version["contract"], 2);
  EXPECT_EQ(version["fingerprint"], tiny_loaded_model().fingerprint);
}

TEST_F(ApiEndpoints, ModelsShowFingerprintAndDefaults) {
  Json models = Json::parse(server.get("/v1/models").body);
  ASSERT_EQ(models["data"].size(), 2u);
  EXPECT_EQ(models["data"][0]["id"], "tiny");
  EXPECT_EQ(models["data"][0]["fingerprint"], tiny_loaded_model().fingerprint);
  EXPECT_EQ(models["data"][0]["max_model_len"], 512);
  EXPECT_EQ(models["data"][0]["effective"]["temperature"], 1);
  EXPECT_EQ(models["data"][0]["effective"]["seed"], 0);
  EXPECT_EQ(Json::parse(server.get("/v1/models/alias").body)["id"], "alias");
  HttpResponse missing = server.get("/v1/models/other");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(Json::parse(missing.body)["error"]["code"], "model_not_found");
}

TEST_F(ApiEndpoints, WrongPathMethodOrType) {
  EXPECT_EQ(server.get("/v1/nothing").status, 404);
  EXPECT_EQ(server.get("/v1/models/").status, 404);
  HttpResponse wrong = server.get("/v1/chat/completions");
  EXPECT_EQ(wrong.status, 405);
  ASSERT_NE(header_of(wrong, "Allow"), nullptr);
  EXPECT_EQ(*header_of(wrong, "Allow"), "POST");
  EXPECT_EQ(server.send("POST", "/health")->wait().status, 405);
  auto form = server.send("POST", "/v1/completions", "prompt=x",
                          {{"Content-Type", "application/x-www-form-urlencoded"}});
  EXPECT_EQ(form->wait().status, 415);
  auto untyped = server.send("POST", "/v1/completions", "{}", {{"Content-Type", ""}})->wait();
  EXPECT_EQ(untyped.status, 415);
  EXPECT_NE(untyped.body.find("send Content-Type: application/json"), std::string::npos);
  auto zipped = server.send("POST", "/v1/completions", "\x1f\x8b", {{"Content-Encoding", "gzip"}})->wait();
  EXPECT_EQ(zipped.status, 415);
  EXPECT_NE(zipped.body.find("without Content-Encoding"), std::string::npos);
  Json body = {{"prompt", "x"}, {"max_tokens", 1}};
  EXPECT_EQ(server.ask("/v1/completions", body, {{"Content-Encoding", "identity"}}).status, 200);
  EXPECT_EQ(server.ask("/v1/completions", body, {{"content-type", "Application/JSON; charset=utf-8"}}).status,
            200);
}

TEST_F(ApiEndpoints, BadBodies) {
  for (const char* body : {"", "{", "[]", "{\"a\":1,\"a\":1}"}) {
    HttpResponse response = server.send("POST", "/v1/chat/completions", body)->wait();
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(Json::parse(response.body)["error"]["code"], "invalid_json");
  }
  Json error = server.refusal("/v1/completions", {{"prompt", "x"}, {"model", "gpt-9"}});
  EXPECT_EQ(error["status"], 404);
  EXPECT_EQ(error["param"], "model");
}

TEST_F(ApiEndpoints, HeadersSayWhatWasUsedAndWhatWasNot) {
  HttpResponse response = server.ask(
      "/v1/completions", {{"prompt", "x"}, {"max_tokens", 1}, {"top_k", 5}, {"fro\nb", 1}, {"metadata", 2}});
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(*header_of(response, "X-Verbatim-Ignored-Parameters"), "fro?b, metadata");
  std::string effective = *header_of(response, "X-Verbatim-Effective-Parameters");
  EXPECT_NE(effective.find("top_k=5"), std::string::npos) << effective;
  EXPECT_NE(effective.find("seed=0"), std::string::npos);
  EXPECT_NE(effective.find("max_tokens=1"), std::string::npos);
}

// ---- chat -----------------------------------------------------------------------------------------

TEST_F(ApiEndpoints, Chat) {
  Json answer = server.answer("/v1/chat/completions", {{"model", "alias"},
                                                       {"messages", kMessages},
                                                       {"max_completion_tokens", 8},
                                                       {"logprobs", true},
                                                       {"top_logprobs", 2},
                                                       {"ignore_eos", true}});
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_EQ(answer["model"], "alias");
  const Json& choice = answer["choices"][0];
  EXPECT_EQ(choice["message"]["role"], "assistant");
  EXPECT_TRUE(choice["message"]["content"].is_string());
  EXPECT_EQ(choice["finish_reason"], "length");
  ASSERT_EQ(choice["logprobs"]["content"].size(), 8u);
  const Json& token = choice["logprobs"]["content"][0];
  EXPECT_EQ(token["top_logprobs"].size(), 2u);
  EXPECT_TRUE(token["bytes"].is_array());
  EXPECT_GE(token["top_logprobs"][0]["logprob"].get<double>(),
            token["top_logprobs"][1]["logprob"].get<double>());
}

// The prompt is the template's text, and nothing else.
TEST_F(ApiEndpoints, ChatIsTheTemplatesText) {
  Json answer = server.answer(
      "/v1/chat/completions",
      {{"messages",
        {{{"role", "system"}, {"content", "Be kind"}},
         {{"role", "user"},
          {"content", {{{"type", "text"}, {"text", "Hi"}}, {{"type", "text"}, {"text", "you"}}}}}}},
       {"max_tokens", 6},
       {"chat_template_kwargs", {{"mood", 1}}},
       {"return_token_ids", true}});
  std::string text = "<system> Be kind\n<user> Hi\nyou\n[mood=1]\n<assistant>";
  EXPECT_EQ(answer["prompt_token_ids"], Json(*tiny_loaded_model().tokenizer->encode(text, {false, true})));
  Json completion = server.answer(
      "/v1/completions",
      {{"prompt", text}, {"max_tokens", 6}, {"add_special_tokens", false}, {"return_token_ids", true}});
  EXPECT_EQ(answer["choices"][0]["message"]["content"], completion["choices"][0]["text"]);
  EXPECT_EQ(answer["choices"][0]["token_ids"], completion["choices"][0]["token_ids"]);
}

TEST_F(ApiEndpoints, BadMessages) {
  for (const Json& messages :
       {Json(), Json("hi"), Json::array(), Json::array({"hi"}), Json::array({Json::object()}),
        Json::array({{{"role", "king"}, {"content", "hi"}}}), Json::array({{{"role", "user"}}}),
        Json::array({{{"role", "user"}, {"content", 5}}}),
        Json::array({{{"role", "user"}, {"content", {{{"type", "image_url"}, {"image_url", "x"}}}}}}),
        Json::array({{{"role", "assistant"}, {"tool_calls", 5}}}),
        Json::array({{{"role", "assistant"}, {"tool_calls", {{{"function", {{"arguments", "{"}}}}}}}}),
        Json::array({{{"role", "developer"}, {"content", "the template refuses this"}}})}) {
    Json error = server.refusal("/v1/chat/completions", {{"messages", messages}, {"max_tokens", 1}});
    EXPECT_EQ(error["status"], 400);
    EXPECT_EQ(error["param"], "messages") << messages.dump();
  }
}

// ---- response formats -----------------------------------------------------------------------------

TEST_F(ApiEndpoints, AnswersAreTheJsonThatWasAskedFor) {
  Json schema = {{"type", "object"},
                 {"properties",
                  {{"name", {{"enum", {"x", "yy"}}}},
                   {"count", {{"type", "integer"}, {"minimum", 3}, {"maximum", 88}}}}},
                 {"required", {"name", "count"}},
                 {"additionalProperties", false}};
  Json chat_format = {{"type", "json_schema"},
                      {"json_schema", {{"name", "thing"}, {"strict", true}, {"schema", schema}}}};
  Json asked = {{"messages", kMessages}, {"max_tokens", 200}, {"response_format", chat_format}, {"n", 4}};
  Json chat = server.answer("/v1/chat/completions", asked);
  for (const Json& choice : chat["choices"]) {
    EXPECT_EQ(choice["finish_reason"], "stop");
    Json value = Json::parse(choice["message"]["content"].get<std::string>());
    EXPECT_TRUE(value["name"] == "x" || value["name"] == "yy");
    EXPECT_GE(value["count"], 3);
    EXPECT_LE(value["count"], 88);
    EXPECT_EQ(value.size(), 2u);
  }
  EXPECT_EQ(bits_of_answer(server.answer("/v1/chat/completions", asked)), bits_of_answer(chat));
  Json response = server.answer(
      "/v1/responses",
      {{"input", "Hello there"},
       {"max_output_tokens", 200},
       {"text", {{"format", {{"type", "json_schema"}, {"name", "thing"}, {"schema", schema}}}}}});
  EXPECT_EQ(response["output"][0]["content"][0]["text"], chat["choices"][0]["message"]["content"]);
  asked["response_format"] = {{"type", "json_object"}, {"schema", schema}};
  EXPECT_EQ(bits_of_answer(server.answer("/v1/chat/completions", asked)), bits_of_answer(chat));
  asked["response_format"] = {{"type", "text"}};
  EXPECT_EQ(server.ask("/v1/chat/completions", asked).status, 200);
}

TEST_F(ApiEndpoints, BadResponseFormats) {
  for (const Json& format :
       {Json::object(), Json{{"type", 5}}, Json{{"type", "yaml"}}, Json{{"type", "json_schema"}},
        Json{{"type", "json_schema"}, {"json_schema", 5}}, Json{{"type", "json_object"}, {"schema", 5}},
        Json{{"type", "json_schema"}, {"json_schema", {{"schema", {{"type", "nothing"}}}}}}}) {
    Json error =
        server.refusal("/v1/chat/completions", {{"messages", kMessages}, {"response_format", format}});
    EXPECT_EQ(error["status"], 400);
    EXPECT_EQ(error["param"], "response_format") << format.dump();
  }
}

// ---- responses ------------------------------------------------------------------------------------

TEST_F(ApiEndpoints, ResponsesAreChat) {
  Json response = server.answer("/v1/responses", {{"input", "Hello there"}, {"max_output_tokens", 16}});
  EXPECT_EQ(response["object"], "response");
  EXPECT_TRUE(response["id"].get<std::string>().starts_with("resp_"));
  Json chat = server.answer("/v1/chat/completions", {{"messages", kMessages}, {"max_tokens", 16}});
  const Json& part = response["output"][0]["content"][0];
  EXPECT_EQ(part["type"], "output_text");
  EXPECT_EQ(part["text"], chat["choices"][0]["message"]["content"]);
  bool cut = chat["choices"][0]["finish_reason"] == "length";
  EXPECT_EQ(response["status"], cut ? "incomplete" : "completed");
  EXPECT_EQ(response["usage"]["output_tokens"], chat["usage"]["completion_tokens"]);
  EXPECT_EQ(response["usage"]["input_tokens"], chat["usage"]["prompt_tokens"]);
  Json items = {{"instructions", "Be kind"},
                {"max_output_tokens", 4},
                {"input", {{{"role", "user"}, {"content", {{{"type", "input_text"}, {"text", "Hi"}}}}}}}};
  EXPECT_EQ(server.ask("/v1/responses", items).status, 200);
  EXPECT_EQ(server.refusal("/v1/responses", {{"input", 5}})["param"], "input");
  EXPECT_EQ(server.refusal("/v1/responses", {{"max_output_tokens", 5}})["param"], "input");
  EXPECT_EQ(server.refusal("/v1/responses", {{"input", "x"}, {"previous_response_id", "y"}})["param"],
            "previous_response_id");
}

// ---- tokens and texts -----------------------------------------------------------------------------

TEST_F(ApiEndpoints, TokensThereAndBack) {
  for (std::string text :
       {std::string("Hello, world"), std::string("naïve 漢字 😀\n\ttabs"), std::string("a")}) {
    Json tokens = server.answer("/tokenize", {{"prompt", text}, {"add_special_tokens", false}});
    EXPECT_EQ(tokens["count"], tokens["tokens"].size());
    EXPECT_EQ(tokens["max_model_len"], 512);
    Json back = server.answer("/detokenize", {{"tokens", tokens["tokens"]}});
    EXPECT_EQ(back["prompt"], text);
    EXPECT_EQ(back["content"], text);
  }
  Json with = server.answer("/tokenize", {{"prompt", "a"}, {"return_token_strs", true}});
  EXPECT_EQ(with["token_strs"].size(), with["tokens"].size());
  Json without = server.answer("/tokenize", {{"content", "a"}});
  EXPECT_LE(without["count"].get<int>(), with["count"].get<int>());
  EXPECT_TRUE(without["token_strs"].is_null());
  Json chat = server.answer("/tokenize", {{"messages", kMessages}});
  EXPECT_EQ(chat["tokens"],
            Json(*tiny_loaded_model().tokenizer->encode("<user> Hello there\n<assistant>", {false, true})));
  EXPECT_EQ(server.answer("/detokenize", {{"tokens", Json::array()}})["prompt"], "");
  EXPECT_EQ(server.refusal("/tokenize", Json::object())["param"], "prompt");
  EXPECT_EQ(server.refusal("/tokenize", {{"prompt", 5}})["param"], "prompt");
  EXPECT_EQ(server.refusal("/detokenize", {{"tokens", {1, "x"}}})["param"], "tokens");
  EXPECT_EQ(server.refusal("/detokenize", {{"tokens", {100000}}})["param"], "tokens");
}

// ---- metrics --------------------------------------------------------------------------------------

TEST_F(ApiEndpoints, MetricsCountWhatHappened) {
  server.answer("/v1/completions", {{"prompt", "x"}, {"max_tokens", 7}, {"ignore_eos", true}});
  server.wait_idle();
  HttpResponse page = server.get("/metrics");
  EXPECT_TRUE(header_of(page, "Content-Type")->starts_with("text/plain; version=0.0.4"));
  for (std::string line :
       {"verbatim:generation_tokens_total{model_name=\"tiny\"} 7\n",
        "verbatim:request_success_total{model_name=\"tiny\",finished_reason=\"length\"} 1\n",
        "verbatim:num_requests_running{model_name=\"tiny\"} 0\n",
        "verbatim:time_to_first_token_seconds_count{model_name=\"tiny\"} 1\n",
        "verbatim:inter_token_latency_seconds_count{model_name=\"tiny\"} 6\n",
        "verbatim:kv_cache_usage_perc{model_name=\"tiny\"} 0\n",
        "# TYPE verbatim:e2e_request_latency_seconds histogram\n"})
    EXPECT_NE(page.body.find(line), std::string::npos) << line << page.body;
  // Every line belongs to a family that HELP and TYPE announced.
  std::string family;
  std::istringstream lines(page.body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) family = line.substr(7, line.find(' ', 7) - 7);
    if (!line.starts_with('#')) {
      EXPECT_TRUE(line.starts_with(family)) << line;
    }
  }
}

}  // namespace
}  // namespace verbatim::server
