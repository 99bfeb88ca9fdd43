// What the engine refuses, and what waits or ends where seats and pages are few.
#include <gtest/gtest.h>

#include "invariance/engine_fixture.h"

namespace verbatim {
namespace {

TEST_F(EngineTest, RefusalsNameTheField) {
  struct Case {
    const char* says;
    void (*spoil)(GenerateRequest&);
  };
  const Case cases[] = {
      {"prompt is empty", [](GenerateRequest& r) { r.prompt.clear(); }},
      {"prompt holds token 256", [](GenerateRequest& r) { r.prompt[0] = 256; }},
      {"prompt holds token -1", [](GenerateRequest& r) { r.prompt[0] = -1; }},
      {"max_tokens is -1", [](GenerateRequest& r) { r.max_tokens = -1; }},
      {"n is 0", [](GenerateRequest& r) { r.n = 0; }},
      {"logprobs is -1", [](GenerateRequest& r) { r.logprobs = -1; }},
      {"prompt_logprobs is 257", [](GenerateRequest& r) { r.prompt_logprobs = 257; }},
      {"prompt_from is 4", [](GenerateRequest& r) { r.prompt_from = 4; }},
      {"draft holds token 256",
       [](GenerateRequest& r) {
         r.draft = {1, 256};
       }},
      {"draft has 2049 tokens, more than the model's context of 2048",
       [](GenerateRequest& r) { r.draft.assign(2049, 1); }},
      {"draft is for one answer, n is 2", [](GenerateRequest& r) { r.draft = {1}, r.n = 2; }},
      {"max_chunk is -1", [](GenerateRequest& r) { r.max_chunk = -1; }},
      {"stop holds an empty string", [](GenerateRequest& r) { r.stop_strings = {""}; }},
      {"exceed the model's context of 2048", [](GenerateRequest& r) { r.max_tokens = 2046; }},
      {"exceed the model's context of 2048", [](GenerateRequest& r) { r.max_tokens = INT64_MAX; }},
      {"does not fit into this machine's KV cache of 256 tokens",
       [](GenerateRequest& r) { r.prompt.resize(257, 'a'); }},
      {"top_p is -1", [](GenerateRequest& r) { r.sampling.top_p = -1; }},
      {"min_tokens is 9", [](GenerateRequest& r) { r.min_tokens = 9, r.max_tokens = 8; }},
  };
  EngineOptions options;
  options.kv_pages = 2;
  auto e = engine(options);
  Transcript t;
  for (const Case& c : cases) {
    GenerateRequest r = request("abc", 10);
    c.spoil(r);
    Result<RequestId> id = e->submit(r, t);
    ASSERT_FALSE(id.ok()) << c.says;
    EXPECT_NE(id.error().message.find(c.says), std::string::npos) << id.error().message;
  }
  GenerateRequest largest = request("abc", 254);  // the last token is never fed back
  EXPECT_TRUE(e->submit(largest, t).ok());
  finish_all(*e);
  EXPECT_EQ(t.tokens[0].size(), 254u);
  EXPECT_EQ(t.finish[0].reason, FinishReason::length);
}

// What the machine has no memory for ends with an error, and with the same tokens up to there, drafts or none.
TEST_F(EngineTest, AnAnswerThatOutgrowsTheCacheEndsWithAnErrorOfTheMachine) {
  GenerateRequest asked = request("abc", 300);
  Transcript whole;
  auto large = engine();
  ASSERT_TRUE(large->submit(asked, whole).ok());
  finish_all(*large);
  ASSERT_EQ(whole.tokens[0].size(), 300u);
  EngineOptions options;
  options.kv_pages = 2;
  for (bool predicted : {false, true}) {
    if (predicted) asked.draft = whole.tokens[0];
    auto small = engine(options);
    Transcript cut;
    ASSERT_TRUE(small->submit(asked, cut).ok());
    finish_all(*small);
    EXPECT_EQ(cut.finish[0].reason, FinishReason::error);
    EXPECT_TRUE(cut.finish[0].of_this_machine);
    EXPECT_EQ(cut.finish[0].message,
              "prompt and answer need more than the 256 tokens that this machine's KV cache holds");
    EXPECT_EQ(cut.tokens[0], std::vector(whole.tokens[0].begin(), whole.tokens[0].begin() + 254));
    EXPECT_FALSE(whole.finish[0].of_this_machine);
  }
}

// More answers than seats: those that wait are the ones that many seats give.
TEST_F(EngineTest, AnswersWaitForSeats) {
  GenerateRequest asked = request("abc", 12);
  asked.n = 7;
  asked.sampling.temperature = 1;
  asked.logprobs = 1;
  asked.prompt_logprobs = 1;
  asked.logits = true;
  Transcript together;
  auto wide = engine();
  ASSERT_TRUE(wide->submit(asked, together).ok());
  finish_all(*wide);
  for (std::int64_t seats : {1, 3}) {
    EngineOptions options;
    options.schedule.max_sequences = seats;
    auto narrow = engine(options);
    Transcript waiting;
    ASSERT_TRUE(narrow->submit(asked, waiting).ok());
    finish_all(*narrow);
    EXPECT_EQ(waiting.tokens, together.tokens) << seats << " seats";
    EXPECT_EQ(waiting.text, together.text);
    EXPECT_EQ(waiting.logits, together.logits);
    EXPECT_EQ(waiting.logprobs.size(), together.logprobs.size());
    EXPECT_EQ(waiting.prompt.size(), together.prompt.size());
    EXPECT_EQ(narrow->stats().most_sequences, seats);
  }
}

TEST_F(EngineTest, OptionsAreChecked) {
  struct Case {
    const char* says;
    void (*spoil)(EngineOptions&);
  };
  const Case cases[] = {
      {"kv_pages", [](EngineOptions& o) { o.kv_pages = 0; }},
      {"max_sequences", [](EngineOptions& o) { o.schedule.max_sequences = 0; }},
      {"max_step_tokens", [](EngineOptions& o) { o.schedule.max_step_tokens = 63; }},
      {"max_logits_rows", [](EngineOptions& o) { o.schedule.max_logits_rows = 63; }},
      {"preempt_every", [](EngineOptions& o) { o.schedule.preempt_every = -1; }},
  };
  for (const Case& c : cases) {
    EngineOptions options;
    c.spoil(options);
    auto made = Engine::create(model_, nullptr, options);
    ASSERT_FALSE(made.ok()) << c.says;
    EXPECT_EQ(made.error().message.find(c.says), 0u) << made.error().message;
  }
}

}  // namespace
}  // namespace verbatim
