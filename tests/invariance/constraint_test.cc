// Constrained answers: JSON as asked, ending where it ends, and the same answer in every crowd.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "backend/list.h"
#include "engine/engine.h"
#include "invariance/fake_model.h"
#include "invariance/random_request.h"
#include "invariance/transcript.h"
#include "tokenizer/synthetic_vocabulary.h"

namespace verbatim {
namespace {

using nlohmann::ordered_json;

constexpr const char* kSchemas[] = {
    R"({"type":"object"})",
    R"({"type":"object","properties":{"a":{"enum":["x","yy"]},"b":{"type":"integer","minimum":3,"maximum":88},
        "c":{"type":"array","items":{"type":"boolean"},"maxItems":2}},"required":["a","c"]})",
    R"({"$defs":{"t":{"type":"array","items":{"$ref":"#/$defs/t"},"maxItems":2}},"$ref":"#/$defs/t"})",
    R"({"type":"string","pattern":"^[a-f]+(é|ß)$","maxLength":12})",
    R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":6},{"type":"null"}]})",
};
constexpr std::size_t kBounded = 1;  // texts of this schema are short

// A model of the 256 bytes and an end token.
class ConstraintTest : public ::testing::Test {
 protected:
  static constexpr std::int32_t kEos = 256;

  static Tokenizer make_tokenizer() {
    TokenizerData data = byte_level_data();
    data.stop_ids = {add_token(data, "<end>", TokenType::control)};
    return std::move(*Tokenizer::create(data));
  }
  std::shared_ptr<const Constraint> constraint(std::size_t schema) const {
    auto made = Constraint::json_schema(ordered_json::parse(kSchemas[schema]), trie_);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return *made;
  }
  std::unique_ptr<Engine> engine(const EngineOptions& options = {}) {
    auto made = Engine::create(model_, &tokenizer_, options);
    EXPECT_TRUE(made.ok());
    return std::move(*made);
  }
  static void finish_all(Engine& engine) {
    for (int steps = 0; !engine.idle(); ++steps) {
      engine.step();
      ASSERT_LT(steps, 100000) << "a request does not end";
    }
  }
  void run_alone(const GenerateRequest& r, Transcript& into) {
    auto alone = engine();
    ASSERT_TRUE(alone->submit(r, into).ok());
    finish_all(*alone);
  }
  GenerateRequest request(std::size_t schema, std::int64_t max_tokens) const {
    GenerateRequest r;
    r.prompt = {'J', 'S', 'O', 'N', ':'};
    r.max_tokens = max_tokens;
    r.constraint = constraint(schema);
    return r;
  }

  FakeModel model_{259};  // the output is padded beyond the vocabulary
  Tokenizer tokenizer_ = make_tokenizer();
  std::shared_ptr<const TokenTrie> trie_ = std::make_shared<const TokenTrie>(tokenizer_);
};

TEST_F(ConstraintTest, AnswersAreJsonAndEndByThemselves) {
  for (float temperature : {0.0f, 1.0f}) {
    GenerateRequest r = request(kBounded, 300);
    r.n = 8;
    r.sampling.temperature = temperature;
    Transcript t;
    run_alone(r, t);
    std::set<std::string> texts;
    for (std::int64_t choice = 0; choice < r.n; ++choice) {
      EXPECT_EQ(t.finish[choice].reason, FinishReason::stop);
      EXPECT_FALSE(t.finish[choice].stop_token) << "nothing may follow, so nothing is drawn";
      const ordered_json value = ordered_json::parse(t.text[choice], nullptr, false);
      ASSERT_TRUE(value.is_object() && value.contains("a") && value["c"].is_array()) << t.text[choice];
      texts.insert(t.text[choice]);
    }
    EXPECT_EQ(texts.size() > 1, temperature > 0) << "choices draw from streams of their own";
  }
}

TEST_F(ConstraintTest, StopTokensAreDrawnOnlyWhereTheTextMayEnd) {
  int stopped = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    GenerateRequest r = request(4, 60);
    r.sampling.seed = seed;
    r.sampling.logit_bias = {{kEos, 20.0f}};  // it wants to stop from the start
    Transcript t;
    run_alone(r, t);
    EXPECT_EQ(t.finish[0].reason, FinishReason::stop);
    EXPECT_TRUE(ordered_json::accept(t.text[0])) << t.text[0];
    stopped += t.finish[0].stop_token == kEos ? 1 : 0;
  }
  EXPECT_GT(stopped, 5);  // after integers
}

TEST_F(ConstraintTest, TokensOfTheRequestThatStopAreNoText) {
  GenerateRequest r = request(4, 60);
  r.stop_tokens = {'"', 'n', '7'};
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    r.sampling.seed = seed;
    Transcript t;
    run_alone(r, t);
    EXPECT_TRUE(ordered_json::parse(t.text[0]).is_number()) << t.text[0];
    EXPECT_EQ(t.text[0].find('7'), std::string::npos) << t.text[0];
  }
}

TEST_F(ConstraintTest, AVocabularyThatCannotGoOnIsAnError) {
  GenerateRequest r = request(0, 60);
  r.stop_tokens = {'}'};
  r.sampling.logit_bias = {{'}', 100.0f}};
  auto e = engine();
  Transcript t;
  r.constraint = *Constraint::json_schema({{"const", "}"}}, trie_);
  ASSERT_TRUE(e->submit(r, t).ok());
  finish_all(*e);
  EXPECT_EQ(t.text[0], "\"");
  EXPECT_EQ(t.finish[0].reason, FinishReason::error);
  EXPECT_NE(t.finish[0].message.find("no token of the vocabulary continues"), std::string::npos);
}

TEST_F(ConstraintTest, AnAnswerThatIsCutShortSaysLength) {
  GenerateRequest r = request(kBounded, 4);
  Transcript t;
  run_alone(r, t);
  EXPECT_EQ(t.finish[0].reason, FinishReason::length);
  EXPECT_EQ(t.tokens[0].size(), 4u);
}

TEST_F(ConstraintTest, IgnoringTheModelsStopsLeavesTheConstraintsEnd) {
  GenerateRequest r = request(kBounded, 300);
  r.ignore_eos = true;
  r.sampling.logit_bias = {{kEos, 50.0f}};
  Transcript t;
  run_alone(r, t);
  EXPECT_EQ(t.finish[0].reason, FinishReason::stop);
  EXPECT_TRUE(ordered_json::accept(t.text[0]));
}

TEST_F(ConstraintTest, LogprobsAreThoseOfTheRawLogits) {
  GenerateRequest r = request(kBounded, 300);
  r.logprobs = 4;
  Transcript drawn;
  run_alone(r, drawn);
  GenerateRequest given;
  given.prompt = r.prompt;
  given.prompt.insert(given.prompt.end(), drawn.tokens[0].begin(), drawn.tokens[0].end());
  given.max_tokens = 0;
  given.prompt_logprobs = 4;
  Transcript read;
  run_alone(given, read);
  ASSERT_GT(drawn.logprobs.size(), 10u);
  for (const auto& [place, value] : drawn.logprobs) expect_same_logprobs(read.prompt.at(place.second), value);
}

TEST_F(ConstraintTest, ConstraintsOfAnotherVocabularyAreRefused) {
  GenerateRequest r = request(0, 10);
  r.constraint =
      Constraint::json_object(std::make_shared<const TokenTrie>(std::vector<std::string_view>{"{"}));
  Transcript t;
  auto e = engine();
  auto id = e->submit(r, t);
  ASSERT_FALSE(id.ok());
  EXPECT_NE(id.error().message.find("for a vocabulary of 1 tokens"), std::string::npos) << id.error().message;

  auto without = Engine::create(model_, nullptr, {});
  EXPECT_FALSE((*without)->submit(request(0, 10), t).ok());
}

// An answer whose mask is awaited may leave, and the engine may end.
TEST_F(ConstraintTest, WhoWaitsForAMaskMayLeave) {
  EngineOptions options;
  options.quick_mask_work = 0;
  Transcript leaves, stays, open;
  auto e = engine(options);
  auto id = e->submit(request(0, 60), leaves);
  ASSERT_TRUE(id.ok());
  ASSERT_TRUE(e->submit(request(kBounded, 300), stays).ok());
  while (e->stats().masks_awaited < 2) e->step();
  e->cancel(*id);
  finish_all(*e);
  EXPECT_EQ(leaves.finish[0].reason, FinishReason::cancelled);
  EXPECT_EQ(stays.finish[0].reason, FinishReason::stop);
  EXPECT_EQ(e->stats().pages_free + e->stats().pages_reclaimable, e->stats().pages);
  ASSERT_TRUE(e->submit(request(0, 60), open).ok());
  while (e->stats().masks_awaited < 100 && !e->idle()) e->step();
}

// Half of each crowd is constrained, by constraints that the crowd shares and that remember what all its
// answers asked; alone, each request has a constraint of its own that knows nothing.
TEST_F(ConstraintTest, OneRequestOneAnswerInRandomCrowds) {
  std::vector<std::shared_ptr<const Constraint>> shared;
  for (std::size_t i = 0; i < std::size(kSchemas); ++i) shared.push_back(constraint(i));
  std::int64_t constrained_tokens = 0, preempted = 0, cached = 0, most_sequences = 0, forked = 0,
               fulfilled = 0, awaited = 0;
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    EngineOptions options = random_options(random);
    if (random() % 2 == 0) options.quick_mask_work = 0;  // every draw is put off
    auto e = engine(options);
    std::vector<GenerateRequest> requests;
    std::vector<std::size_t> schemas;
    std::vector<std::unique_ptr<Transcript>> crowd;
    for (int i = 0; i < 10; ++i) {
      requests.push_back(
          random_request(random, options.kv_pages * kPageTokens, options.schedule.max_sequences));
      schemas.push_back(random() % std::size(kSchemas));
      if (random() % 2 == 0) requests.back().constraint = shared[schemas.back()];
      crowd.push_back(std::make_unique<Transcript>());
      Result<RequestId> id = e->submit(requests.back(), *crowd.back());
      ASSERT_TRUE(id.ok()) << id.error().message;
      for (std::uint64_t steps = random() % 12; steps > 0; --steps) e->step();
    }
    finish_all(*e);
    awaited += e->stats().masks_awaited;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (requests[i].constraint == nullptr) continue;
      requests[i].constraint = constraint(schemas[i]);
      Transcript alone;
      run_alone(requests[i], alone);
      std::string name = fmt::format("seed {} request {}", seed, i);
      expect_same_answers(*crowd[i], alone, name);
      expect_same_logits(*crowd[i], alone, name);
      ASSERT_FALSE(HasFailure());
      forked += requests[i].n > 1 ? 1 : 0;
      for (const auto& [choice, finish] : crowd[i]->finish) {
        constrained_tokens += finish.tokens;
        cached += finish.witness.cached_tokens;
        preempted += finish.witness.preemptions;
        most_sequences = std::max(most_sequences, finish.witness.most_sequences);
        const bool ended =
            finish.reason == FinishReason::stop && !finish.stop_token && finish.stop_string.empty();
        fulfilled += ended ? 1 : 0;
        EXPECT_TRUE(!ended || ordered_json::accept(crowd[i]->text[choice])) << crowd[i]->text[choice];
      }
    }
  }
  EXPECT_EQ(most_sequences, 8);
  EXPECT_GT(constrained_tokens, 4000);
  EXPECT_GT(fulfilled, 100);
  EXPECT_GT(cached, 4000);
  EXPECT_GT(preempted, 50);
  EXPECT_GT(forked, 30);
  EXPECT_GT(awaited, 2000);
  std::printf("%ld constrained tokens equal; %ld answers fulfilled, %ld preemptions, %ld draws put off\n",
              constrained_tokens, fulfilled, preempted, awaited);
}

}  // namespace
}  // namespace verbatim
