// As evaluation harnesses ask: the requests of lm-evaluation-harness (lm_eval/models/openai_completions.py and
// api_models.py: local-completions, local-chat-completions), and what it reads of the answers.
#include <algorithm>

#include "server/api_fixture.h"

namespace verbatim::server {
namespace {

using Ids = std::vector<std::int32_t>;

Ids ids_of(const char* text) { return *tiny_loaded_model().tokenizer->encode(text, {true, true}); }

// What it computes of one choice: the log-likelihood of the tokens from `context` on, and whether greedy decoding
// would have drawn them. It leaves the last token out, which is the one that had to be generated.
struct Likelihood {
  double sum = 0;
  bool greedy = true;
  std::size_t tokens = 0;
};
Likelihood likelihood_of(const Json& choice, std::size_t context) {
  const Json& logprobs = choice["logprobs"];
  Likelihood all;
  for (std::size_t i = context; i + 1 < logprobs["token_logprobs"].size(); ++i, ++all.tokens) {
    float own = logprobs["token_logprobs"][i], best = -1e30f;
    for (const auto& [token, logprob] : logprobs["top_logprobs"][i].items())
      best = std::max(best, logprob.get<float>());
    all.sum += own;
    all.greedy = all.greedy && own == best;  // they went through JSON, and are compared for equality
  }
  return all;
}

Json loglikelihood(const Json& prompts) {
  return {{"model", "tiny"}, {"prompt", prompts}, {"temperature", 0}, {"max_tokens", 1},
          {"logprobs", 1},   {"seed", 1234},      {"echo", true}};
}

double sum_by_score(TestServer& server, const Ids& ids, std::size_t context) {
  Json score = server.answer("/v1/score", {{"input", Json::array({ids})}, {"score_from", context}});
  return score["data"][0]["sum_logprob"];
}

// A batch of prompts of several lengths, as ids, in one body.
TEST(ApiHarness, LoglikelihoodsOfABatch) {
  TestServer server;
  std::vector<std::pair<Ids, std::size_t>> asked;
  for (const char* text : {"The cat sat on the mat", "a", "It was", "the quick brown fox jumps over it"})
    asked.emplace_back(ids_of(text), ids_of(text).size() / 2);
  Json prompts = Json::array();
  for (const auto& [ids, context] : asked) prompts.push_back(ids);
  Json answer = server.answer("/v1/completions", loglikelihood(prompts));
  ASSERT_EQ(answer["choices"].size(), asked.size());
  for (const Json& choice : answer["choices"]) {
    const auto& [ids, context] = asked[choice["index"].get<std::size_t>()];
    Likelihood read = likelihood_of(choice, context);
    EXPECT_EQ(read.tokens, ids.size() - context);
    EXPECT_EQ(read.sum, sum_by_score(server, ids, context));
    // Alone it is the same.
    Json alone = server.answer("/v1/completions", loglikelihood(Json::array({ids})))["choices"][0];
    alone["index"] = choice["index"];
    EXPECT_EQ(alone, choice);
  }
}

// Of tokens that greedy decoding draws it finds that they are greedy, and of others that they are not.
TEST(ApiHarness, GreedyIsSeen) {
  TestServer server;
  Ids context = ids_of("Once"),
      drawn = server.answer("/v1/completions", {{"prompt", context},
                                                {"max_tokens", 6},
                                                {"temperature", 0},
                                                {"ignore_eos", true},
                                                {"return_token_ids", true}})["choices"][0]["token_ids"];
  Ids greedy = context;
  greedy.insert(greedy.end(), drawn.begin(), drawn.end());
  Ids other = greedy;
  other[context.size() + 2] = other[context.size() + 2] == 40 ? 41 : 40;
  Json answer = server.answer("/v1/completions", loglikelihood(Json::array({greedy, other})));
  EXPECT_TRUE(likelihood_of(answer["choices"][0], context.size()).greedy);
  EXPECT_FALSE(likelihood_of(answer["choices"][1], context.size()).greedy);
}

// The generated token is among the log-probabilities also when it ends the text: else the harness would take the last
// token of the prompt for it.
TEST(ApiHarness, AnEndOfTextIsAGeneratedTokenToo) {
  TestServer server;
  Ids ids = ids_of("The cat sat");
  Json asked = loglikelihood(Json::array({ids}));
  asked["logit_bias"] = {{fmt::format("{}", *tiny_loaded_model().tokenizer->eos()), 100}};
  Json choice = server.answer("/v1/completions", asked)["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(choice["logprobs"]["token_logprobs"].size(), ids.size() + 1);
  EXPECT_EQ(likelihood_of(choice, 1).sum, sum_by_score(server, ids, 1));
}

// Its tokenizer of the kind "remote" (lm_eval/utils.py) asks the server.
TEST(ApiHarness, TheServerIsItsTokenizer) {
  TestServer server;
  Json info = Json::parse(server.get("/tokenizer_info").body);
  auto encode = [&](const Json& text) {
    return server.answer("/tokenize", {{"prompt", text}, {"add_special_tokens", false}})["tokens"];
  };
  EXPECT_EQ(encode(info["bos_token"]), Json::array({*tiny_loaded_model().tokenizer->bos()}));
  EXPECT_EQ(encode(info["eos_token"]), Json::array({*tiny_loaded_model().tokenizer->eos()}));
  EXPECT_TRUE(info.contains("chat_template"));
  for (const char* text : {"The cat", "sat on it. ", "R\u00f8ros"})
    EXPECT_EQ(server.answer("/detokenize", {{"tokens", encode(text)}})["prompt"], text);
}

// generate_until; `stop` may be empty.
TEST(ApiHarness, Generations) {
  TestServer server;
  Json asked = {{"model", "tiny"},       {"prompt", Json::array({ids_of("Once"), ids_of("It was")})},
                {"max_tokens", 20},      {"temperature", 0},
                {"stop", Json::array()}, {"seed", 1234}};
  Json answer = server.answer("/v1/completions", asked);
  ASSERT_EQ(answer["choices"].size(), 2u);
  auto text = answer["choices"][0]["text"].get<std::string>();
  std::size_t letter = text.find_first_of("abcdefghijklmnopqrstuvwxyz", 1);
  ASSERT_NE(letter, text.npos);
  asked["stop"] = {text.substr(letter, 1), "\n\n"};
  EXPECT_EQ(server.answer("/v1/completions", asked)["choices"][0]["text"],
            text.substr(0, text.find(text[letter])));
}

// Conversations carry a key that is no part of a message, and a header with an empty key.
TEST(ApiHarness, Conversations) {
  TestServer server;
  Json messages = Json::array({{{"role", "user"}, {"content", "Hello there"}, {"type", "text"}}});
  Json asked = {{"messages", messages}, {"model", "tiny"},       {"max_tokens", 8},
                {"temperature", 0},     {"stop", Json::array()}, {"seed", 1234}};
  HttpResponse response = server.ask("/v1/chat/completions", asked, {{"Authorization", "Bearer "}});
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_TRUE(Json::parse(response.body)["choices"][0]["message"]["content"].is_string());
  EXPECT_EQ(header_of(response, "X-Verbatim-Ignored-Parameters"), nullptr);
}

}  // namespace
}  // namespace verbatim::server
