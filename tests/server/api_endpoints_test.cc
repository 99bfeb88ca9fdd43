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

const Json kMessages = Json::array({{{"role", "user"}, {"content", "Hello there"}}});

// ---- routes ---------------------------------------------------------------------------------------

TEST_F(ApiEndpoints, SmallOnesAnswer) {
  EXPECT_EQ(server.get("/health").status, 200);
  EXPECT_EQ(server.get("/ready").status, 200);
  Json version = Json::parse(server.get("/version").body);
  EXPECT_EQ(version["version"], "test");
  EXPECT_EQ(version["contract"], 1);
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
  Json body = {{"prompt", "x"}, {"max_tokens", 1}};
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

// ---- completions ----------------------------------------------------------------------------------

TEST_F(ApiEndpoints, Completion) {
  Json answer =
      server.answer("/v1/completions", {{"prompt", "Once upon"}, {"max_tokens", 12}, {"ignore_eos", true}});
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_TRUE(answer["id"].get<std::string>().starts_with("cmpl-"));
  EXPECT_EQ(answer["model"], "tiny");
  EXPECT_EQ(answer["system_fingerprint"], "fp_" + tiny_loaded_model().fingerprint.substr(0, 16));
  ASSERT_EQ(answer["choices"].size(), 1u);
  EXPECT_FALSE(answer["choices"][0]["text"].get<std::string>().empty());
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  EXPECT_TRUE(answer["choices"][0]["logprobs"].is_null());
  auto tokens = tiny_loaded_model().tokenizer->encode("Once upon", {true, true});
  EXPECT_EQ(answer["usage"]["prompt_tokens"], tokens->size());
  EXPECT_EQ(answer["usage"]["completion_tokens"], 12);
  EXPECT_EQ(answer["usage"]["total_tokens"], tokens->size() + 12);
}

// Text, ids, and lists of either are the same prompts.
TEST_F(ApiEndpoints, PromptForms) {
  auto ids = [](const char* text) { return *tiny_loaded_model().tokenizer->encode(text, {true, true}); };
  auto ask = [&](const Json& prompt) {
    return bits_of_answer(server.answer("/v1/completions", {{"prompt", prompt}, {"max_tokens", 5}}));
  };
  Json one = ask("Hello"), other = ask("Good bye");
  EXPECT_EQ(ask(ids("Hello")), one);
  for (const Json& both : {ask({"Hello", "Good bye"}), ask(Json::array({ids("Hello"), ids("Good bye")}))}) {
    ASSERT_EQ(both["choices"].size(), 2u);
    EXPECT_EQ(both["choices"][0], one["choices"][0]);
    EXPECT_EQ(both["choices"][1]["text"], other["choices"][0]["text"]);
    EXPECT_EQ(both["choices"][1]["index"], 1);
  }
}

TEST_F(ApiEndpoints, BadPrompts) {
  Json too_many = Json::array();
  for (int i = 0; i < 1025; ++i) too_many.push_back("x");
  for (const Json& prompt :
       {Json(), Json(5), Json(true), Json::object(), Json::array(), Json::array({1, "x"}),
        Json::array({"x", 1}), Json::array({-1}), Json::array({300}), Json::array({1.5}),
        Json::array({Json::array()}), too_many}) {
    Json error = server.refusal("/v1/completions", {{"prompt", prompt}});
    EXPECT_EQ(error["status"], 400);
    EXPECT_EQ(error["param"], "prompt") << prompt.dump().substr(0, 100);
  }
}

TEST_F(ApiEndpoints, LengthsThatDoNotFit) {
  Json error = server.refusal("/v1/completions", {{"prompt", "x"}, {"max_tokens", 512}});
  EXPECT_EQ(error["status"], 400);
  EXPECT_EQ(error["code"], "context_length_exceeded");
  error = server.refusal("/v1/completions", {{"prompt", std::string(2000, 'x')}});
  EXPECT_EQ(error["code"], "context_length_exceeded");
  error = server.refusal("/v1/completions", {{"prompt", "x"}, {"n", 100}});
  EXPECT_EQ(error["param"], "n");
  error = server.refusal("/v1/completions", {{"prompt", "x"}, {"top_p", 0}});
  EXPECT_EQ(error["param"], "top_p");
  error = server.refusal("/v1/completions", {{"prompt", "x"}, {"logit_bias", {{"300", 1}}}});
  EXPECT_EQ(error["param"], "logit_bias");
}

TEST_F(ApiEndpoints, DefaultsEndWithTheContext) {
  Json answer = server.answer("/v1/completions", {{"prompt", "x"}, {"ignore_eos", true}});
  EXPECT_EQ(answer["usage"]["completion_tokens"], 16);
  answer = server.answer("/v1/chat/completions", {{"messages", kMessages}, {"ignore_eos", true}});
  EXPECT_EQ(answer["usage"]["total_tokens"], 512);
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
}

// What evaluation harnesses ask: the log-probabilities of a given text.
TEST_F(ApiEndpoints, EchoWithoutNewTokens) {
  std::string text = "The cat sat on the mat";
  auto tokens = *tiny_loaded_model().tokenizer->encode(text, {true, true});
  Json answer = server.answer(
      "/v1/completions",
      {{"prompt", text}, {"max_tokens", 0}, {"echo", true}, {"logprobs", 2}, {"temperature", 0}});
  const Json& choice = answer["choices"][0];
  EXPECT_EQ(choice["text"], text);
  EXPECT_EQ(choice["finish_reason"], "length");
  EXPECT_EQ(answer["usage"]["completion_tokens"], 0);
  const Json& logprobs = choice["logprobs"];
  for (const char* list : {"tokens", "token_logprobs", "top_logprobs", "text_offset"})
    EXPECT_EQ(logprobs[list].size(), tokens.size()) << list;
  EXPECT_TRUE(logprobs["token_logprobs"][0].is_null());
  EXPECT_TRUE(logprobs["top_logprobs"][0].is_null());
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    EXPECT_LE(logprobs["token_logprobs"][i].get<double>(), 0);
    EXPECT_GE(logprobs["top_logprobs"][i].size(), 2u);
    EXPECT_LE(logprobs["top_logprobs"][i].size(), 3u);
  }
}

// Echo with new tokens is the prompt's part followed by the answer's; and the same numbers come back when the
// whole is given as a prompt.
TEST_F(ApiEndpoints, EchoedAnswerScoresTheSame) {
  Json asked = {{"prompt", "The cat"}, {"max_tokens", 10},   {"logprobs", 1},
                {"echo", true},        {"ignore_eos", true}, {"return_token_ids", true}};
  Json first = server.answer("/v1/completions", asked)["choices"][0];
  std::vector<std::int32_t> ids = first["prompt_token_ids"];
  for (std::int32_t id : first["token_ids"]) ids.push_back(id);
  Json second = server.answer(
      "/v1/completions", {{"prompt", ids}, {"max_tokens", 0}, {"logprobs", 1}, {"echo", true}})["choices"][0];
  EXPECT_EQ(first["logprobs"]["tokens"], second["logprobs"]["tokens"]);
  EXPECT_EQ(first["logprobs"]["token_logprobs"], second["logprobs"]["token_logprobs"]);
  EXPECT_EQ(first["logprobs"]["top_logprobs"], second["logprobs"]["top_logprobs"]);
}

TEST_F(ApiEndpoints, PromptLogprobsAreDecodeLogprobs) {
  Json drawn = server.answer("/v1/completions", {{"prompt", "It was"},
                                                 {"max_tokens", 20},
                                                 {"logprobs", 0},
                                                 {"ignore_eos", true},
                                                 {"return_token_ids", true}})["choices"][0];
  std::vector<std::int32_t> prompt = drawn["prompt_token_ids"], answer = drawn["token_ids"], ids = prompt;
  ids.insert(ids.end(), answer.begin(), answer.end());
  Json given = server.answer("/v1/completions",
                             {{"prompt", ids}, {"max_tokens", 0}, {"prompt_logprobs", 1}})["choices"][0];
  ASSERT_EQ(given["prompt_logprobs"].size(), ids.size());
  EXPECT_TRUE(given["prompt_logprobs"][0].is_null());
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const Json& entry = given["prompt_logprobs"][prompt.size() + i][fmt::format("{}", answer[i])];
    EXPECT_EQ(entry["logprob"], drawn["logprobs"]["token_logprobs"][i]);
  }
  // And as /v1/score sees them.
  Json score = server.answer("/v1/score", {{"input", Json::array({ids})}, {"score_from", prompt.size()}});
  const Json& scored = score["data"][0];
  EXPECT_EQ(scored["token_ids"], Json(ids));
  EXPECT_EQ(scored["scored_tokens"], answer.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i < prompt.size()) {
      EXPECT_TRUE(scored["logprobs"][i].is_null());
    } else {
      EXPECT_EQ(scored["logprobs"][i], drawn["logprobs"]["token_logprobs"][i - prompt.size()]);
    }
  }
}

TEST_F(ApiEndpoints, ScoreOfTexts) {
  Json score = server.answer("/v1/score", {{"input", {"The cat sat", "a"}}, {"top_logprobs", 3}});
  EXPECT_EQ(score["object"], "list");
  ASSERT_EQ(score["data"].size(), 2u);
  const Json& first = score["data"][0];
  std::size_t tokens = first["token_ids"].size();
  EXPECT_EQ(first["tokens"].size(), tokens);
  EXPECT_EQ(first["logprobs"].size(), tokens);
  EXPECT_EQ(first["top_logprobs"].size(), tokens);
  double sum = 0;
  for (std::size_t i = 1; i < tokens; ++i) sum += static_cast<float>(first["logprobs"][i].get<double>());
  EXPECT_EQ(first["sum_logprob"].get<double>(), sum);
  EXPECT_EQ(server.refusal("/v1/score", Json::object())["param"], "input");
}

TEST_F(ApiEndpoints, ChoicesDifferAndRepeat) {
  Json asked = {{"prompt", "Once"}, {"max_tokens", 12}, {"n", 4}, {"seed", 3}, {"ignore_eos", true}};
  Json answer = server.answer("/v1/completions", asked);
  ASSERT_EQ(answer["choices"].size(), 4u);
  for (int a = 0; a < 4; ++a)
    for (int b = 0; b < a; ++b) EXPECT_NE(answer["choices"][a]["text"], answer["choices"][b]["text"]);
  EXPECT_EQ(bits_of_answer(server.answer("/v1/completions", asked)), bits_of_answer(answer));
  asked["seed"] = 4;
  EXPECT_NE(server.answer("/v1/completions", asked)["choices"][0]["text"], answer["choices"][0]["text"]);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 48);
}

// Without a seed the seed is 0: asking again gives the same answer.
TEST_F(ApiEndpoints, NoSeedIsSeedZero) {
  Json asked = {{"prompt", "Once"}, {"max_tokens", 12}};
  Json answer = bits_of_answer(server.answer("/v1/completions", asked));
  asked["seed"] = 0;
  EXPECT_EQ(bits_of_answer(server.answer("/v1/completions", asked)), answer);
}

TEST_F(ApiEndpoints, StopsAndBias) {
  Json asked = {{"prompt", "Once"},
                {"max_tokens", 40},
                {"temperature", 0},
                {"ignore_eos", true},
                {"return_token_ids", true}};
  Json plain = server.answer("/v1/completions", asked)["choices"][0];
  auto text = plain["text"].get<std::string>();
  ASSERT_GT(text.size(), 6u);
  // A stop string that is really in the answer.
  std::string stop = tiny_loaded_model().tokenizer->decode(std::vector<std::int32_t>{plain["token_ids"][3]},
                                                           {.skip_special = true, .text_start = false});
  ASSERT_FALSE(stop.empty());
  Json stopped_request = asked;
  stopped_request["stop"] = stop;
  Json stopped = server.answer("/v1/completions", stopped_request)["choices"][0];
  EXPECT_EQ(stopped["finish_reason"], "stop");
  EXPECT_EQ(stopped["stop_reason"], stop);
  EXPECT_EQ(stopped["text"], text.substr(0, text.find(stop)));

  Json stop_token = asked;
  stop_token["stop_token_ids"] = Json::array({plain["token_ids"][2]});
  stopped = server.answer("/v1/completions", stop_token)["choices"][0];
  EXPECT_EQ(stopped["finish_reason"], "stop");
  EXPECT_EQ(stopped["stop_reason"], plain["token_ids"][2]);

  Json biased = asked;
  biased["logit_bias"] = {{fmt::format("{}", plain["token_ids"][0].get<int>()), -100}};
  EXPECT_NE(server.answer("/v1/completions", biased)["choices"][0]["token_ids"][0], plain["token_ids"][0]);
  biased["logit_bias"] = {{"70", 100}};
  Json forced = server.answer("/v1/completions", biased)["choices"][0];
  for (const Json& id : forced["token_ids"]) EXPECT_EQ(id, 70);
}

TEST_F(ApiEndpoints, TokensAsTheirIds) {
  Json answer = server.answer("/v1/completions", {{"prompt", "x"},
                                                  {"max_tokens", 3},
                                                  {"logprobs", 1},
                                                  {"return_tokens_as_token_ids", true},
                                                  {"return_token_ids", true}});
  const Json& choice = answer["choices"][0];
  for (std::size_t i = 0; i < choice["token_ids"].size(); ++i)
    EXPECT_EQ(choice["logprobs"]["tokens"][i], fmt::format("token_id:{}", choice["token_ids"][i].get<int>()));
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
  asked["response_format"] = {{"type", "text"}};
  EXPECT_EQ(server.ask("/v1/chat/completions", asked).status, 200);
}

TEST_F(ApiEndpoints, BadResponseFormats) {
  for (const Json& format :
       {Json::object(), Json{{"type", 5}}, Json{{"type", "yaml"}}, Json{{"type", "json_schema"}},
        Json{{"type", "json_schema"}, {"json_schema", 5}},
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
