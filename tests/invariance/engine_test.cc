// The engine's promises, with a fake model whose logits show every mistake of scheduling and paging.
#include <gtest/gtest.h>

#include <random>

#include "invariance/engine_fixture.h"
#include "invariance/random_request.h"
#include "thinning.h"

namespace verbatim {
namespace {

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
