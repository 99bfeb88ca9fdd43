// /v1/completions and /v1/score: prompts, lengths, choices, and the log-probabilities of what is given and drawn.
#include "server/api_fixture.h"

namespace verbatim::server {
namespace {

class ApiCompletions : public ::testing::Test {
 protected:
  TestServer server;
};

TEST_F(ApiCompletions, Answer) {
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
TEST_F(ApiCompletions, PromptForms) {
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

TEST_F(ApiCompletions, BadPrompts) {
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

TEST_F(ApiCompletions, LengthsThatDoNotFit) {
  Json error = server.refusal("/v1/completions", {{"prompt", "x"}, {"max_tokens", 512}});
  EXPECT_EQ(error["status"], 400);
  EXPECT_EQ(error["code"], "context_length_exceeded");
  error = server.refusal("/v1/completions", {{"prompt", std::string(2000, 'x')}});
  EXPECT_EQ(error["code"], "context_length_exceeded");
  error = server.refusal("/v1/completions", {{"prompt", "x"}, {"n", 129}});
  EXPECT_EQ(error["param"], "n");
  error = server.refusal("/v1/completions", {{"prompt", "x"}, {"top_p", -0.1}});
  EXPECT_EQ(error["param"], "top_p");
  error = server.refusal("/v1/completions", {{"prompt", "x"}, {"logit_bias", {{"300", 1}}}});
  EXPECT_EQ(error["param"], "logit_bias");
}

TEST_F(ApiCompletions, DefaultsEndWithTheContext) {
  Json answer = server.answer("/v1/completions", {{"prompt", "x"}, {"ignore_eos", true}});
  EXPECT_EQ(answer["usage"]["completion_tokens"], 16);
  answer = server.answer("/v1/chat/completions", {{"messages", kMessages}, {"ignore_eos", true}});
  EXPECT_EQ(answer["usage"]["total_tokens"], 512);
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
}

// What evaluation harnesses ask: the log-probabilities of a given text.
TEST_F(ApiCompletions, EchoWithoutNewTokens) {
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
TEST_F(ApiCompletions, EchoedAnswerScoresTheSame) {
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

TEST_F(ApiCompletions, PromptLogprobsAreDecodeLogprobs) {
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

TEST_F(ApiCompletions, ScoreOfTexts) {
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

  TestServerOptions options;
  options.context = 8;
  TestServer small(options);
  Json error = small.refusal("/v1/score", {{"input", "A text of more than eight tokens"}});
  EXPECT_EQ(error["status"], 400);
  EXPECT_EQ(error["code"], "context_length_exceeded");
}

TEST_F(ApiCompletions, ChoicesDifferAndRepeat) {
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
TEST_F(ApiCompletions, NoSeedIsSeedZero) {
  Json asked = {{"prompt", "Once"}, {"max_tokens", 12}};
  Json answer = bits_of_answer(server.answer("/v1/completions", asked));
  asked["seed"] = 0;
  EXPECT_EQ(bits_of_answer(server.answer("/v1/completions", asked)), answer);
}

TEST_F(ApiCompletions, EveryEndpointLooksAtTheSeed) {
  const std::pair<const char*, Json> kAsked[] = {
      {"/v1/completions", {{"prompt", "Once"}, {"max_tokens", 12}}},
      {"/v1/chat/completions", {{"messages", kMessages}, {"max_tokens", 12}}},
      {"/v1/responses", {{"input", "Hello"}, {"max_output_tokens", 12}}},
  };
  for (auto [path, asked] : kAsked) {
    auto text = [&, path = path, asked = asked](std::uint64_t seed) mutable {
      asked["seed"] = seed;
      Json answer = server.answer(path, asked);
      return answer.contains("output") ? answer["output"][0]["content"].dump() : answer["choices"].dump();
    };
    std::string first = text(1);
    EXPECT_EQ(text(1), first) << path;
    EXPECT_NE(text(2), first) << path;
  }
}

TEST_F(ApiCompletions, StopsAndBias) {
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

TEST_F(ApiCompletions, TokensAsTheirIds) {
  Json answer = server.answer("/v1/completions", {{"prompt", "x"},
                                                  {"max_tokens", 3},
                                                  {"logprobs", 1},
                                                  {"return_tokens_as_token_ids", true},
                                                  {"return_token_ids", true}});
  const Json& choice = answer["choices"][0];
  for (std::size_t i = 0; i < choice["token_ids"].size(); ++i)
    EXPECT_EQ(choice["logprobs"]["tokens"][i], fmt::format("token_id:{}", choice["token_ids"][i].get<int>()));
}

}  // namespace
}  // namespace verbatim::server
