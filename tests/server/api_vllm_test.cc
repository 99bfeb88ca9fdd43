// Parameters as vLLM and its clients have them: min_tokens, continue_final_message, continuous_usage_stats,
// reasoning_effort; numbers as clients write them; paths; errors whose words clients read.
#include "server/api_fixture.h"
#include "server/text_offsets.h"

namespace verbatim::server {
namespace {

class ApiVllm : public ::testing::Test {
 protected:
  std::vector<StreamEvent> stream(const std::string& path, Json body) {
    body["stream"] = true;
    HttpResponse response = server.ask(path, body);
    EXPECT_EQ(response.status, 200) << response.body;
    return events_of(response.body);
  }

  TestServer server;
};

// ---- min_tokens -----------------------------------------------------------------------------------

// The most likely token, made a stop token, ends the answer at once, and no earlier than min_tokens allows.
TEST_F(ApiVllm, NoStopTokenIsDrawnBeforeMinTokens) {
  Json asked = {{"prompt", "The end."}, {"max_tokens", 30}, {"temperature", 0}, {"return_token_ids", true}};
  const Json first = server.answer("/v1/completions", asked)["choices"][0];
  asked["stop_token_ids"] = Json::array({first["token_ids"][0]});
  Json choice = server.answer("/v1/completions", asked)["choices"][0];
  EXPECT_EQ(choice["token_ids"].size(), 1u);
  EXPECT_EQ(choice["finish_reason"], "stop");

  asked["min_tokens"] = 5;
  choice = server.answer("/v1/completions", asked)["choices"][0];
  ASSERT_GE(choice["token_ids"].size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_NE(choice["token_ids"][i], first["token_ids"][0]) << i;

  asked["min_tokens"] = 30;
  choice = server.answer("/v1/completions", asked)["choices"][0];
  EXPECT_EQ(choice["token_ids"].size(), 30u);
  EXPECT_EQ(choice["finish_reason"], "length");
}

// The model's own end, too: without the parameter some answer of these ends by itself.
TEST_F(ApiVllm, TheModelsOwnEndWaitsForMinTokens) {
  bool some_ended = false;
  for (int seed = 0; seed < 40; ++seed) {
    Json asked = {{"prompt", "x"}, {"max_tokens", 20}, {"seed", seed}, {"temperature", 2}};
    some_ended = some_ended || server.answer("/v1/completions", asked)["usage"]["completion_tokens"] < 20;
    asked["min_tokens"] = 20;
    EXPECT_EQ(server.answer("/v1/completions", asked)["usage"]["completion_tokens"], 20) << seed;
  }
  EXPECT_TRUE(some_ended) << "no answer ends early, so nothing was shown";
}

// As in vLLM they are looked for in what comes after the first min_tokens tokens.
TEST_F(ApiVllm, StopStringsWaitForMinTokens) {
  Json asked = {{"prompt", "x"}, {"max_tokens", 20}, {"temperature", 0}, {"ignore_eos", true}};
  const std::string whole = server.answer("/v1/completions", asked)["choices"][0]["text"];
  asked["stop"] = whole.substr(0, 1);
  EXPECT_EQ(server.answer("/v1/completions", asked)["choices"][0]["text"], "");
  asked["min_tokens"] = 20;
  EXPECT_EQ(server.answer("/v1/completions", asked)["choices"][0]["text"], whole);
}

TEST_F(ApiVllm, MinTokensFitIntoMaxTokens) {
  Json error = server.refusal("/v1/completions", {{"prompt", "x"}, {"max_tokens", 4}, {"min_tokens", 5}});
  EXPECT_EQ(error["status"], 400);
  EXPECT_EQ(error["param"], "min_tokens");
}

// ---- continue_final_message -----------------------------------------------------------------------

constexpr const char* kTurns =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}{% if add_generation_prompt "
    "%}<assistant>{% endif %}";

TestServerOptions with_template(const char* source) {
  TestServerOptions options;
  options.chat_template = source;
  return options;
}

std::string prompt_text(TestServer& server, Json body) {
  body["add_special_tokens"] = false;
  Json tokens = server.answer("/tokenize", body)["tokens"];
  return server.answer("/detokenize", {{"tokens", tokens}})["prompt"];
}

TEST(ApiContinuation, TheAnswerGoesOnFromTheAssistantsText) {
  TestServer server(with_template(kTurns));
  const Json messages = Json::array(
      {{{"role", "user"}, {"content", "Say hello"}}, {{"role", "assistant"}, {"content", "Hello, my dear"}}});
  Json body = {{"messages", messages}, {"continue_final_message", true}};
  EXPECT_EQ(prompt_text(server, body), "<user>Say hello</><assistant>Hello, my dear");
  body["add_generation_prompt"] = false;
  EXPECT_EQ(prompt_text(server, body), "<user>Say hello</><assistant>Hello, my dear");

  body["max_tokens"] = 8, body["temperature"] = 0;
  Json same = {{"prompt", "<user>Say hello</><assistant>Hello, my dear"},
               {"add_special_tokens", false},
               {"max_tokens", 8},
               {"temperature", 0}};
  EXPECT_EQ(server.answer("/v1/chat/completions", body)["choices"][0]["message"]["content"],
            server.answer("/v1/completions", same)["choices"][0]["text"]);

  body["add_generation_prompt"] = true;
  EXPECT_EQ(server.refusal("/v1/chat/completions", body)["param"], "continue_final_message");
  body["add_generation_prompt"] = false;
  body["messages"][1]["content"] = nullptr;
  Json error = server.refusal("/v1/chat/completions", body);
  EXPECT_EQ(error["status"], 400);
  EXPECT_EQ(error["message"], "messages[1].content holds no text to continue");
}

// ---- usage while it grows -------------------------------------------------------------------------

TEST_F(ApiVllm, ContinuousUsageCountsInEveryEvent) {
  const Json options = {{"include_usage", true}, {"continuous_usage_stats", true}};
  for (const char* path : {"/v1/completions", "/v1/chat/completions"}) {
    const bool chat = path == std::string("/v1/chat/completions");
    Json asked = {
        {"max_tokens", 6}, {"n", 2}, {"logprobs", chat ? Json(true) : Json(1)}, {"stream_options", options}};
    chat ? asked["messages"] = kMessages : asked["prompt"] = "a";
    std::map<int, std::int64_t> counted;
    Json last;
    for (const StreamEvent& event : stream(path, asked)) {
      if (event.data == "[DONE]") continue;
      const Json chunk = event.json();
      const Json& usage = chunk["usage"];
      ASSERT_TRUE(usage.is_object()) << event.data;
      EXPECT_EQ(usage["total_tokens"],
                usage["prompt_tokens"].get<int>() + usage["completion_tokens"].get<int>());
      last = usage;
      for (const Json& choice : chunk["choices"]) {
        std::int64_t& count = counted[choice["index"]];
        const std::int64_t now = usage["completion_tokens"];
        EXPECT_GE(now, count);
        EXPECT_LE(now, count + 1);
        count = now;
      }
    }
    EXPECT_EQ(last["completion_tokens"], counted[0] + counted[1]) << path;
    EXPECT_GT(counted[0], 0);
  }
}

TEST_F(ApiVllm, ContinuousUsageNeedsUsage) {
  for (const StreamEvent& event :
       stream("/v1/completions",
              {{"prompt", "a"}, {"max_tokens", 2}, {"stream_options", {{"continuous_usage_stats", true}}}}))
    EXPECT_EQ(event.data.find("usage"), std::string::npos) << event.data;
}

// ---- what templates are told ----------------------------------------------------------------------

TEST(ApiReasoning, EffortReachesTheTemplate) {
  TestServer server(
      with_template("{{ reasoning_effort | default('-') }} {{ enable_thinking | default('-') }} "));
  auto prompt = [&](Json more) {
    more["messages"] = kMessages;
    return prompt_text(server, more);
  };
  EXPECT_EQ(prompt({}), "- - ");
  EXPECT_EQ(prompt({{"reasoning_effort", "high"}}), "high - ");
  EXPECT_EQ(prompt({{"reasoning_effort", "none"}}), "none False ");
  EXPECT_EQ(prompt({{"reasoning_effort", "none"}, {"chat_template_kwargs", {{"enable_thinking", true}}}}),
            "none True ");
  EXPECT_EQ(prompt({{"reasoning_effort", "low"}, {"chat_template_kwargs", {{"reasoning_effort", "high"}}}}),
            "high - ");
  EXPECT_EQ(server.answer(
                "/v1/responses",
                {{"input", "Hi"}, {"max_output_tokens", 4}, {"reasoning", {{"effort", "low"}}}})["status"],
            "incomplete");
}

// ---- numbers, lengths, paths, words ---------------------------------------------------------------

TEST_F(ApiVllm, WholeNumbersMayHaveAPoint) {
  HttpResponse response = server
                              .send("POST", "/v1/completions",
                                    R"({"prompt":[5.0,6],"max_tokens":3.0,"seed":7.0,"n":1.0,"top_k":2.0})")
                              ->wait();
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(server.send("POST", "/v1/completions", R"({"prompt":[5.5]})")->wait().status, 400);
  EXPECT_EQ(server.send("POST", "/v1/completions", R"({"prompt":"x","max_tokens":1e300})")->wait().status,
            400);
}

TEST_F(ApiVllm, MaxTokensOfMinusOneEndsWithTheContext) {
  Json answer = server.answer("/v1/completions", {{"prompt", "x"}, {"max_tokens", -1}, {"ignore_eos", true}});
  EXPECT_EQ(answer["usage"]["total_tokens"], 512);
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
}

TEST_F(ApiVllm, TheContextErrorHasTheWordsThatClientsRead) {
  Json error = server.refusal("/v1/completions", {{"prompt", "x"}, {"max_tokens", 600}});
  const std::string message = error["message"];
  EXPECT_TRUE(
      message.starts_with("This model's maximum context length is 512 tokens. However, you requested "))
      << message;
  EXPECT_EQ(error["code"], "context_length_exceeded");
}

TEST_F(ApiVllm, PathsNeedNoVersion) {
  for (const char* path : {"/completions", "/v1/completions"})
    EXPECT_EQ(server.ask(path, {{"prompt", "x"}, {"max_tokens", 1}}).status, 200) << path;
  EXPECT_EQ(server.ask("/chat/completions", {{"messages", kMessages}, {"max_tokens", 1}}).status, 200);
  EXPECT_EQ(server.ask("/responses", {{"input", "x"}, {"max_output_tokens", 1}}).status, 200);
  EXPECT_EQ(server.ask("/score", {{"input", "x"}}).status, 200);
  EXPECT_EQ(server.get("/models").status, 200);
  EXPECT_EQ(Json::parse(server.get("/models/tiny").body)["id"], "tiny");
  EXPECT_EQ(server.get("/v1/v1/models").status, 404);
  EXPECT_EQ(server.get("/v1/health").status, 404);
}

TEST_F(ApiVllm, TopPOfZeroIsTheMostLikelyToken) {
  Json asked = {{"prompt", "x"}, {"max_tokens", 12}, {"temperature", 0}};
  const Json greedy = server.answer("/v1/completions", asked)["choices"][0]["text"];
  asked["temperature"] = 1.5, asked["top_p"] = 0;
  EXPECT_EQ(server.answer("/v1/completions", asked)["choices"][0]["text"], greedy);
}

TEST_F(ApiVllm, ResponsesEchoTheFormatThatWasAskedFor) {
  const Json format = {{"type", "json_schema"}, {"name", "x"}, {"schema", {{"const", 1}}}, {"strict", true}};
  Json asked = {{"input", "Hi"}, {"max_output_tokens", 4}, {"text", {{"format", format}}}};
  EXPECT_EQ(server.answer("/v1/responses", asked)["text"]["format"], format);
  asked.erase("text");
  EXPECT_EQ(server.answer("/v1/responses", asked)["text"]["format"]["type"], "text");
}

// ---- text_offset ----------------------------------------------------------------------------------

TEST_F(ApiVllm, TextOffsetsIndexTheText) {
  for (Json asked : {Json{{"prompt", "Once upon a time"}, {"max_tokens", 0}, {"echo", true}, {"logprobs", 0}},
                     Json{{"prompt", "h\xC3\xA9 \xF0\x9F\x98\x80 x"},
                          {"max_tokens", 8},
                          {"echo", true},
                          {"logprobs", 0},
                          {"ignore_eos", true}},
                     Json{{"prompt", "x"}, {"max_tokens", 20}, {"logprobs", 0}, {"stop", "e"}}}) {
    const Json choice = server.answer("/v1/completions", asked)["choices"][0];
    const std::int64_t length = characters_in(choice["text"].get<std::string>());
    const Json& offsets = choice["logprobs"]["text_offset"];
    EXPECT_EQ(offsets[0], 0) << asked;
    for (std::size_t i = 1; i < offsets.size(); ++i) {
      EXPECT_GE(offsets[i], offsets[i - 1]) << asked;
      EXPECT_LE(offsets[i], length) << asked;
    }
  }
}

// The begin token, and the space that the vocabulary puts before a text, are not in it.
TEST(TextOffsets, FollowTheTextNotTheTokens) {
  const Tokenizer& tokenizer = *tiny_loaded_model().tokenizer;
  for (const std::string text : {"Once upon a time", "h\xC3\xA9 \xE2\x82\xAC", "", " x", "<s>x"}) {
    const auto tokens = *tokenizer.encode(text, {true, true});
    const auto offsets = prompt_offsets(tokens, text, tokenizer);
    ASSERT_EQ(offsets.size(), tokens.size());
    std::string left = text;
    CharacterCounter counter;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      EXPECT_EQ(offsets[i], counter.index()) << text << ", token " << i;
      std::string piece(tokenizer.token_bytes(tokens[i]));
      if (!left.starts_with(piece) && piece.starts_with(' ')) piece.erase(0, 1);
      if (!left.starts_with(piece)) continue;
      counter.pass(piece);
      left.erase(0, piece.size());
    }
    EXPECT_EQ(left, "") << text;
  }
  CharacterCounter middle;
  middle.pass("a\xE2\x82");
  EXPECT_EQ(middle.index(), 1) << "the next byte goes on with the second character";
  middle.pass("\xAC");
  EXPECT_EQ(middle.index(), 2);
}

}  // namespace
}  // namespace verbatim::server
