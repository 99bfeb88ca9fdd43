// The engine's promises, with a fake model whose logits show every mistake of scheduling and paging.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <random>

#include "backend/list.h"
#include "invariance/fake_model.h"
#include "invariance/random_request.h"
#include "invariance/transcript.h"
#include "thinning.h"
#include "tokenizer/synthetic_vocabulary.h"

namespace verbatim {
namespace {

// A model of 256 tokens, which are the bytes.
class EngineTest : public ::testing::Test {
 protected:
  static EngineOptions roomy() {
    EngineOptions options;
    options.kv_pages = 40;
    return options;
  }
  std::unique_ptr<Engine> engine(const EngineOptions& options = roomy()) {
    auto made = Engine::create(model_, *backend_, &tokenizer_, options);
    EXPECT_TRUE(made.ok());
    return std::move(*made);
  }

  static GenerateRequest request(std::string_view prompt, std::int64_t max_tokens) {
    GenerateRequest r;
    for (char c : prompt) r.prompt.push_back(static_cast<unsigned char>(c));
    r.max_tokens = max_tokens;
    return r;
  }
  static void finish_all(Engine& engine) {
    for (int steps = 0; !engine.idle(); ++steps) {
      engine.step();
      ASSERT_LT(steps, 100000) << "a request does not end";
    }
  }
  // The transcript of a request that has an engine for itself.
  void run_alone(const GenerateRequest& r, Transcript& into, const EngineOptions& options = roomy()) {
    auto alone = engine(options);
    ASSERT_TRUE(alone->submit(r, into).ok());
    finish_all(*alone);
    ASSERT_EQ(static_cast<std::int64_t>(into.finish.size()), r.n);
  }

  FakeModel model_{256};
  std::unique_ptr<Backend> backend_ = std::move(*make_backend("reference", 1));
  Tokenizer tokenizer_ = std::move(*Tokenizer::create(byte_level_data()));
};

TEST_F(EngineTest, AnswersUntilMaxTokens) {
  Transcript t;
  run_alone(request("hello", 9), t);
  EXPECT_EQ(t.tokens[0].size(), 9u);
  EXPECT_EQ(t.finish[0].reason, FinishReason::length);
  EXPECT_EQ(t.finish[0].tokens, 9);
  EXPECT_EQ(t.witness().steps, 9);
}

TEST_F(EngineTest, PromptOnlyWhenNothingIsToBeDrawn) {
  GenerateRequest r = request("hello, world", 0);
  r.prompt_logprobs = 3;
  r.logits = true;
  Transcript t;
  run_alone(r, t);
  EXPECT_EQ(t.logits.size(), 12u);
  EXPECT_EQ(t.prompt.size(), 11u);
  EXPECT_TRUE(t.tokens.empty());
  EXPECT_EQ(t.finish[0].reason, FinishReason::length);
}

// A token's logprobs are the same whether it was drawn, or stood in the prompt of a later request.
TEST_F(EngineTest, PromptLogprobsAreDecodeLogprobs) {
  GenerateRequest r = request("It was", 40);
  r.logprobs = 5;
  r.logits = true;
  Transcript drawn;
  run_alone(r, drawn);
  GenerateRequest again = r;
  again.prompt.insert(again.prompt.end(), drawn.tokens[0].begin(), drawn.tokens[0].end());
  again.max_tokens = 0;
  again.prompt_logprobs = 5;
  Transcript given;
  run_alone(again, given);
  ASSERT_EQ(drawn.logprobs.size(), 40u);
  for (const auto& [place, value] : drawn.logprobs)
    expect_same_logprobs(given.prompt.at(place.second), value);
  EXPECT_EQ(expect_same_logits(drawn, given, "decode against prefill"), 6 + 39);
}

TEST_F(EngineTest, PromptFromLeavesTheBeginningToTheCache) {
  std::string prompt(300, 'x');
  GenerateRequest whole = request(prompt, 0), rest = whole;
  whole.logits = rest.logits = true;
  whole.prompt_logprobs = rest.prompt_logprobs = 1;
  rest.prompt_from = 200;
  auto e = engine();
  Transcript first, second;
  ASSERT_TRUE(e->submit(whole, first).ok());
  finish_all(*e);
  ASSERT_TRUE(e->submit(rest, second).ok());
  finish_all(*e);
  EXPECT_EQ(first.witness().cached_tokens, 0);
  EXPECT_EQ(second.witness().cached_tokens, 200);
  EXPECT_EQ(expect_same_logits(second, first, "after a prefix"), 100);
  EXPECT_EQ(second.prompt.size(), 99u);
  EXPECT_EQ(second.prompt.begin()->first, 201);
}

TEST_F(EngineTest, ChoicesDifferAndEachIsItself) {
  GenerateRequest r = request("Once upon a time", 20);
  r.n = 5;
  r.sampling.seed = 9;
  Transcript t;
  run_alone(r, t);
  for (int a = 0; a < 5; ++a)
    for (int b = 0; b < a; ++b) EXPECT_NE(t.tokens[a], t.tokens[b]) << "choices " << a << " and " << b;
  EXPECT_EQ(t.witness(4).most_sequences, 5);

  GenerateRequest fewer = r;  // how many answers were asked for does not change one of them
  fewer.n = 2;
  Transcript two;
  run_alone(fewer, two);
  EXPECT_EQ(two.tokens[0], t.tokens[0]);
  EXPECT_EQ(two.tokens[1], t.tokens[1]);
}

TEST_F(EngineTest, StopTokenEndsAndHasNoText) {
  Transcript free;
  run_alone(request("abc", 30), free);
  std::int32_t stop = free.tokens[0][7];
  std::size_t first =
      static_cast<std::size_t>(std::ranges::find(free.tokens[0], stop) - free.tokens[0].begin());
  GenerateRequest r = request("abc", 30);
  r.stop_tokens = {stop};
  Transcript t;
  run_alone(r, t);
  ASSERT_EQ(t.tokens[0].size(), first + 1);
  EXPECT_EQ(t.finish[0].reason, FinishReason::stop);
  EXPECT_EQ(t.finish[0].stop_token, stop);
  EXPECT_TRUE(free.text[0].starts_with(t.text[0].substr(0, t.text[0].size() / 2)));
}

TEST_F(EngineTest, TheModelsOwnStopTokenCanBeIgnored) {
  Transcript free;
  run_alone(request("abc", 30), free);
  TokenizerData data = byte_level_data();
  data.stop_ids = {free.tokens[0][4]};
  tokenizer_ = std::move(*Tokenizer::create(data));
  Transcript stopped, ignoring;
  run_alone(request("abc", 30), stopped);
  EXPECT_LE(stopped.tokens[0].size(), 5u);
  EXPECT_EQ(stopped.finish[0].reason, FinishReason::stop);
  GenerateRequest r = request("abc", 30);
  r.ignore_eos = true;
  run_alone(r, ignoring);
  EXPECT_EQ(ignoring.tokens[0], free.tokens[0]);
}

TEST_F(EngineTest, StopStringIsCutOutOfTheText) {
  GenerateRequest r = request("abc", 60);
  r.sampling.logit_bias.clear();
  for (std::int32_t token = 0; token < 256; ++token)  // printable ASCII only
    if (token < 0x20 || token > 0x7e) r.sampling.logit_bias.push_back({token, -100.0f});
  Transcript free;
  run_alone(r, free);
  ASSERT_EQ(free.text[0].size(), 60u);
  std::string stop = free.text[0].substr(20, 3);
  r.stop_strings = {"never" + stop, stop};
  Transcript t;
  run_alone(r, t);
  EXPECT_EQ(t.text[0], free.text[0].substr(0, free.text[0].find(stop)));
  EXPECT_EQ(t.finish[0].stop_string, stop);
  EXPECT_EQ(t.finish[0].reason, FinishReason::stop);
  EXPECT_EQ(t.tokens[0].size(), free.text[0].find(stop) + 3);
}

// The whole answer as its own draft takes a few steps, and one that is wrong everywhere costs none.
TEST_F(EngineTest, DraftsSaveSteps) {
  GenerateRequest r = request("Once upon a time", 150);
  Transcript plain, guided, misled, edited;
  run_alone(r, plain);
  r.draft = plain.tokens[0];
  run_alone(r, guided);
  expect_same_answers(guided, plain, "the answer as draft");
  EXPECT_LT(guided.witness().steps, 10);
  EXPECT_GT(guided.finish[0].draft_accepted, 140);
  EXPECT_EQ(guided.finish[0].draft_tokens, guided.finish[0].draft_accepted);

  r.draft.assign(150, 1);
  run_alone(r, misled);
  expect_same_answers(misled, plain, "a wrong draft");
  EXPECT_EQ(misled.witness().steps, plain.witness().steps);
  EXPECT_EQ(misled.finish[0].draft_accepted, 0);

  // Something left out, changed, put in: the draft is found again.
  r.draft = plain.tokens[0];
  r.draft.insert(r.draft.begin() + 110, {1, 2, 3, 4});
  r.draft[70] ^= 1;
  r.draft.erase(r.draft.begin() + 30, r.draft.begin() + 34);
  run_alone(r, edited);
  expect_same_answers(edited, plain, "an edited draft");
  EXPECT_GT(edited.finish[0].draft_accepted, 110);
  EXPECT_LT(edited.witness().steps, 40);
}

TEST_F(EngineTest, AFaultEndsOneRequestAndSparesItsNeighbours) {
  Transcript alone;
  run_alone(request("neighbour", 20), alone);

  auto e = engine();
  Transcript neighbour, faulty, later;
  GenerateRequest bad = request("0123456789", 20);
  bad.prompt[6] = FakeModel::kPoison;
  bad.n = 3;
  ASSERT_TRUE(e->submit(request("neighbour", 20), neighbour).ok());
  ASSERT_TRUE(e->submit(bad, faulty).ok());
  finish_all(*e);
  ASSERT_EQ(faulty.finish.size(), 3u);
  for (const auto& [choice, finish] : faulty.finish) {
    EXPECT_EQ(finish.reason, FinishReason::error);
    EXPECT_EQ(finish.message, "position 6 is poisoned");
  }
  EXPECT_TRUE(faulty.tokens.empty());
  EXPECT_EQ(neighbour.witness().most_sequences, 2);
  expect_same_answers(neighbour, alone, "beside a fault");

  ASSERT_TRUE(e->submit(request("0123456789", 5), later).ok());
  finish_all(*e);
  EXPECT_EQ(later.witness().cached_tokens, 6) << "what came before the bad row is cached, and no more";
}

TEST_F(EngineTest, CancelEndsEveryAnswerOnce) {
  auto e = engine();
  Transcript t, other;
  GenerateRequest r = request("abc", 500);
  r.n = 3;
  RequestId id = *e->submit(r, t);
  ASSERT_TRUE(e->submit(request("xyz", 20), other).ok());
  for (int i = 0; i < 5; ++i) e->step();
  e->cancel(id);
  e->cancel(id);
  e->cancel(12345);
  finish_all(*e);
  ASSERT_EQ(t.finish.size(), 3u);
  for (const auto& [choice, finish] : t.finish) {
    EXPECT_EQ(finish.reason, FinishReason::cancelled);
    EXPECT_EQ(t.tokens[choice].size(), 5u);
  }
  EXPECT_EQ(other.finish[0].reason, FinishReason::length);

  Transcript unstarted;  // a prompt that has not forked ends n times too
  e->cancel(*e->submit(r, unstarted));
  finish_all(*e);
  EXPECT_EQ(unstarted.finish.size(), 3u);
}

// A sink that, from inside its callbacks, cancels its request and submits the next.
TEST_F(EngineTest, SinksMayCancelAndSubmit) {
  auto e = engine();
  struct Chain : Transcript {
    Engine* engine = nullptr;
    GenerateRequest next;
    Transcript* next_sink = nullptr;
    RequestId id = 0;
    void on_token(const TokenEvent& event) override {
      Transcript::on_token(event);
      if (tokens[0].size() == 3) engine->cancel(id);
    }
    void on_finish(const Finish& f) override {
      Transcript::on_finish(f);
      EXPECT_TRUE(engine->submit(next, *next_sink).ok());
    }
  } chain;
  Transcript last;
  chain.engine = e.get();
  chain.next = request("next", 4);
  chain.next_sink = &last;
  chain.id = *e->submit(request("chain", 50), chain);
  finish_all(*e);
  EXPECT_EQ(chain.tokens[0].size(), 3u);
  EXPECT_EQ(chain.finish[0].reason, FinishReason::cancelled);
  EXPECT_EQ(last.tokens[0].size(), 4u);
}

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
    auto made = Engine::create(model_, *backend_, nullptr, options);
    ASSERT_FALSE(made.ok()) << c.says;
    EXPECT_EQ(made.error().message.find(c.says), 0u) << made.error().message;
  }
}

// Proposals as a client might send them: what the request answers alone, with tokens changed, left out and put in;
// some changed to one whose row faults.
void give_draft(std::mt19937& random, const std::vector<std::int32_t>& answer, GenerateRequest& request) {
  for (std::int32_t token : answer) {
    const auto what = random() % 60;
    if (what == 0) continue;
    if (what == 1) request.draft.push_back(FakeModel::kPoison);
    if (what == 2) request.draft.push_back(static_cast<std::int32_t>(random() % 256));
    request.draft.push_back(what == 3 ? FakeModel::kPoison : token);
  }
}

// One request, one answer: in crowds of random requests, on pools of a few pages, with cancelled neighbours,
// with and without a draft, each request gives what it gives alone.
TEST_F(EngineTest, OneRequestOneAnswerInRandomCrowds) {
  EngineStats seen;
  std::int64_t compared = 0, cached = 0, preempted = 0;
  for (std::uint32_t seed = 0; seed < 150; ++seed) {
    if (!kept(seed)) continue;
    std::mt19937 random(seed);
    const EngineOptions options = random_options(random);
    auto e = engine(options);
    std::vector<GenerateRequest> requests;
    std::vector<std::unique_ptr<Transcript>> crowd;
    std::vector<Transcript> alone(10);
    for (std::size_t i = 0; i < alone.size(); ++i) {
      requests.push_back(
          random_request(random, options.kv_pages * kPageTokens, options.schedule.max_sequences));
      GenerateRequest& made = requests.back();
      run_alone(made, alone[i]);
      if (made.n == 1 && random() % 2 == 0) give_draft(random, alone[i].drawn(), made);
      crowd.push_back(std::make_unique<Transcript>());
      Result<RequestId> id = e->submit(requests.back(), *crowd.back());
      ASSERT_TRUE(id.ok()) << id.error().message;
      for (std::uint64_t steps = random() % 12; steps > 0; --steps) e->step();
      if (random() % 10 == 0) e->cancel(*id);
    }
    finish_all(*e);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      auto was_cancelled = [](const auto& entry) { return entry.second.reason == FinishReason::cancelled; };
      if (std::ranges::any_of(crowd[i]->finish, was_cancelled)) continue;
      std::string name = fmt::format("seed {} request {}", seed, i);
      expect_same_answers(*crowd[i], alone[i], name);
      compared += expect_same_logits(*crowd[i], alone[i], name);
      for (const auto& [choice, finish] : crowd[i]->finish) {
        cached += finish.witness.cached_tokens;
        preempted += finish.witness.preemptions;
      }
      ASSERT_FALSE(HasFailure());
    }
    EngineStats stats = e->stats();
    seen.most_sequences = std::max(seen.most_sequences, stats.most_sequences);
    seen.most_rows = std::max(seen.most_rows, stats.most_rows);
    seen.evictions += stats.evictions;
    seen.draft_tokens += stats.draft_tokens;
    seen.draft_accepted += stats.draft_accepted;
    seen.schedule.page_copies += stats.schedule.page_copies;
    EXPECT_EQ(stats.pages_free + stats.pages_cached, stats.pages) << "a page has leaked";
  }
  EXPECT_EQ(seen.most_sequences, 8);
  EXPECT_GT(seen.most_rows, 150);
  EXPECT_GT(compared * kThinning, 10000);
  EXPECT_GT(cached * kThinning, 10000);
  EXPECT_GT(preempted * kThinning, 100);
  EXPECT_GT(seen.evictions * kThinning, 100);
  EXPECT_GT(seen.draft_accepted * kThinning, 1000);
  EXPECT_GT((seen.draft_tokens - seen.draft_accepted) * kThinning, 1000);
  EXPECT_GT(seen.schedule.page_copies * kThinning, 100);
  std::printf(
      "%ld rows of logits equal; %ld prompt tokens from the cache, %ld preemptions, %ld evictions, %ld page "
      "copies, %ld of %ld proposed tokens drawn\n",
      compared, cached, preempted, seen.evictions, seen.schedule.page_copies, seen.draft_accepted,
      seen.draft_tokens);
}

}  // namespace
}  // namespace verbatim
