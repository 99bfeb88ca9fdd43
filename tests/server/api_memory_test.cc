// What answers hold is bounded for all of them together. A request that would exceed it is refused or broken off; who
// needs little notices nothing, and no bit changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "api_fixture.h"

namespace verbatim::server {
namespace {

TestServerOptions with_memory(std::size_t bytes) {
  TestServerOptions options;
  options.api.answer_memory = std::make_shared<MemoryBudget>(bytes);
  return options;
}

// What was held is given back, a moment after the client has its answer.
void wait_for_nothing_held(const TestServerOptions& options) {
  while (options.api.answer_memory->held() > 0) std::this_thread::yield();
}

Json list_of(int prompts) {
  Json list = Json::array();
  for (int i = 0; i < prompts; ++i) list.push_back("prompt " + std::to_string(i));
  return list;
}

TEST(ApiMemory, WhatAnAnswerWillHoldIsTakenBeforeItIsComputed) {
  const TestServerOptions options = with_memory(100'000);
  TestServer server(options);
  const Json texts = {{"input", list_of(40)}, {"top_logprobs", 20}};
  Json refused = server.refusal("/v1/score", texts);
  EXPECT_EQ(refused["status"], 503);
  EXPECT_EQ(refused["code"], "answer_memory_full");
  EXPECT_NE(find_header(server.ask("/v1/score", texts).headers, "Retry-After"), nullptr);
  // Each of these has 400 tokens with 1 + 20 log-probabilities of 8 bytes.
  const Json answers = {
      {"prompt", "x"}, {"max_tokens", 400}, {"logprobs", 20}, {"n", 2}, {"ignore_eos", true}};
  EXPECT_EQ(server.refusal("/v1/completions", answers)["code"], "answer_memory_full");
  wait_for_nothing_held(options);
  Json one = answers;
  one["n"] = 1;
  EXPECT_EQ(server.answer("/v1/completions", one)["choices"].size(), 1u);
  wait_for_nothing_held(options);
  const Json few = {{"input", list_of(3)}, {"top_logprobs", 20}};
  EXPECT_EQ(server.answer("/v1/score", few)["data"].size(), 3u);
}

// Long prompts, and many answers that hold no more than their tokens and texts: these are counted as they grow.
TEST(ApiMemory, AnAnswerThatGrowsTooLargeIsBrokenOff) {
  const TestServerOptions options = with_memory(60'000);
  TestServer server(options);
  Json body = {{"prompt", "x"}, {"max_tokens", 400}, {"n", 16}, {"ignore_eos", true}};
  Json refused = server.refusal("/v1/completions", body);
  EXPECT_EQ(refused["status"], 503);
  EXPECT_EQ(refused["code"], "answer_memory_full");
  wait_for_nothing_held(options);
  body["stream"] = true;
  const HttpResponse stream = server.ask("/v1/completions", body);
  EXPECT_EQ(stream.status, 200) << "it had begun";
  EXPECT_NE(stream.body.find("answer_memory_full"), std::string::npos);
  EXPECT_EQ(stream.body.find("[DONE]"), std::string::npos);
  wait_for_nothing_held(options);
  server.wait_idle();
  EXPECT_EQ(server.pages_used(), 0) << "nothing is computed for them any more";
}

// All of the memory is held, and plain answers are what they always are; a stream of one answer holds nothing.
TEST(ApiMemory, WhoNeedsLittleIsNotRefused) {
  TestServerOptions options = with_memory(1 << 20);
  TestServer server(options);
  const Json asked = {{"prompt", "Hello"}, {"max_tokens", 40}};
  Json streamed = {{"prompt", "Hello"}, {"max_tokens", 480}, {"stream", true}, {"ignore_eos", true}};
  const Json expected = server.answer("/v1/completions", asked)["choices"];
  const std::string expected_stream = server.ask("/v1/completions", streamed).body;
  MemoryShare others(options.api.answer_memory);
  ASSERT_TRUE(others.hold(1 << 20));
  EXPECT_EQ(server.answer("/v1/completions", asked)["choices"], expected);
  const std::string stream = server.ask("/v1/completions", streamed).body;
  EXPECT_EQ(std::ranges::count(stream, '\n'), std::ranges::count(expected_stream, '\n'));
  EXPECT_NE(stream.find("[DONE]"), std::string::npos);
}

TEST(ApiMemory, TokensAreHeldUntilTheyAreSent) {
  const TestServerOptions options = with_memory(100'000);
  TestServer server(options);
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i);
  const Json many = {{"prompt", text + text}, {"return_token_strs", true}};
  EXPECT_EQ(server.refusal("/tokenize", many)["code"], "answer_memory_full");
  const Json fewer = {{"prompt", text.substr(0, 20'000)}, {"return_token_strs", true}};
  const Json answer = server.answer("/tokenize", fewer);
  EXPECT_GT(answer["count"], 5000);
  EXPECT_EQ(answer["tokens"].size(), answer["count"]);
  std::string joined;
  for (const Json& each : answer["token_strs"]) joined += each.get<std::string>();
  EXPECT_EQ(joined, "<s> " + text.substr(0, 20'000));
  wait_for_nothing_held(options);
}

}  // namespace
}  // namespace verbatim::server
