// One request, one answer, with real transformers: the full logits of several hundred positions, by every
// schedule, on every backend of this machine, compared on bits; and a witness each time that the schedule was
// what it claims to be.
//
// The expected logits are those of the whole text in one step, alone, on the best backend with one thread.
#include <gtest/gtest.h>

#include <random>

#include "engine/engine.h"
#include "invariance/tiny_model.h"
#include "invariance/transcript.h"
#include "thinning.h"

namespace verbatim {
namespace {

constexpr std::int64_t kPositions = 300;  // three pages, the last in part

std::vector<std::int32_t> random_tokens(std::uint32_t seed, std::int64_t count) {
  std::mt19937 random(seed);
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < count; ++i) tokens.push_back(static_cast<std::int32_t>(random() % 70));
  return tokens;
}

struct Schedule {
  std::string name;
  std::int64_t chunk = 0;          // rows of the text in one step, 0: no limit
  std::int64_t crowd = 0;          // neighbours that decode at the same time
  std::int64_t prefix = 0;         // tokens that an earlier request left in the cache
  std::int64_t preempt_every = 0;  // steps
  std::int64_t pages = 12;         // of the KV cache, beyond two for each neighbour
};

EngineOptions options_for(const Schedule& schedule) {
  EngineOptions options;
  options.schedule.max_sequences = schedule.crowd + 1;
  options.schedule.max_step_tokens = options.schedule.max_logits_rows = kPositions + schedule.crowd;
  options.schedule.preempt_every = schedule.preempt_every;
  options.kv_pages = schedule.pages + 2 * schedule.crowd;
  return options;
}

void finish(Engine& engine, const Transcript& of) {
  for (int steps = 0; of.finish.empty(); ++steps) {
    engine.step();
    ASSERT_LT(steps, 20000);
  }
}

class Ignore : public TokenSink {
  void on_token(const TokenEvent&) override {}
  void on_finish(const Finish&) override {}
};

// The text's logits by a schedule, and the proof that it was one.
void compute(TinyModel& tiny, const Schedule& schedule, Transcript& into) {
  auto made = Engine::create(*tiny.model, nullptr, options_for(schedule));
  ASSERT_TRUE(made.ok()) << made.error().message;
  Engine& engine = **made;
  GenerateRequest text;
  text.prompt = random_tokens(1, kPositions);
  text.max_tokens = 0;
  text.logits = true;
  text.prompt_from = schedule.prefix;
  text.max_chunk = schedule.chunk;
  text.use_prefix_cache = schedule.prefix > 0;

  if (schedule.prefix > 0) {
    GenerateRequest before = text;
    before.prompt.resize(static_cast<std::size_t>(schedule.prefix));
    before.prompt.push_back((text.prompt[before.prompt.size()] + 1) % 70);  // and there they part
    before.prompt_from = 0;
    Transcript ignored;
    ASSERT_TRUE(engine.submit(before, ignored).ok());
    finish(engine, ignored);
  }
  // Neighbours with prompts of 1 to 100 tokens, whose answers outlive the text.
  Ignore ignore;
  std::vector<RequestId> crowd;
  for (std::int64_t i = 0; i < schedule.crowd; ++i) {
    GenerateRequest neighbour;
    neighbour.prompt =
        random_tokens(static_cast<std::uint32_t>(1000 + i), 1 + i % (schedule.crowd > 100 ? 3 : 100));
    neighbour.max_tokens = 60;
    neighbour.sampling.seed = static_cast<std::uint64_t>(i);
    crowd.push_back(*engine.submit(neighbour, ignore));
  }
  while (engine.stats().waiting > 0) engine.step();
  ASSERT_TRUE(engine.submit(text, into).ok());
  finish(engine, into);
  for (RequestId id : crowd) engine.cancel(id);
  while (!engine.idle()) engine.step();

  SCOPED_TRACE(schedule.name);
  const Witness& witness = into.witness();
  EXPECT_EQ(static_cast<std::int64_t>(into.logits.size()), kPositions - schedule.prefix);
  EXPECT_EQ(witness.cached_tokens, schedule.prefix);
  EXPECT_EQ(witness.most_sequences, schedule.crowd + 1);
  EXPECT_EQ(witness.most_own_rows, schedule.chunk > 0 ? schedule.chunk : kPositions - schedule.prefix);
  EXPECT_GE(witness.most_rows, witness.most_own_rows + schedule.crowd);
  EXPECT_EQ(witness.preemptions > 0, schedule.preempt_every > 0);
  if (schedule.preempt_every > 0) {
    EXPECT_GT(engine.stats().schedule.recomputed_tokens, kPositions);
  }
}

const Schedule kWhole = {.name = "whole"};

std::vector<Schedule> all_schedules() {
  return {
      {.name = "decode", .chunk = 1},
      {.name = "chunk:7", .chunk = 7},
      {.name = "chunk:128", .chunk = 128},
      {.name = "chunk:129", .chunk = 129},
      {.name = "crowd:1", .chunk = 40, .crowd = 1},
      {.name = "crowd:7", .crowd = 7},
      {.name = "crowd:64", .chunk = 33, .crowd = 64},
      {.name = "prefix:1", .prefix = 1},
      {.name = "prefix:127", .prefix = 127},
      {.name = "prefix:128", .chunk = 50, .prefix = 128},
      {.name = "prefix:129", .prefix = 129},
      {.name = "prefix:256", .prefix = 256},
      {.name = "prefix:127 among 7", .chunk = 30, .crowd = 7, .prefix = 127},
      {.name = "preempt", .chunk = 30, .preempt_every = 4},
      {.name = "preempt among 3", .chunk = 17, .crowd = 3, .preempt_every = 3},
  };
}

std::vector<TinyShape> all_shapes() {
  std::vector<TinyShape> shapes;
  for (auto [architecture, window] : {std::pair{"llama", 0}, {"llama", 100}, {"qwen2", 0}, {"qwen3", 0}})
    for (auto [weights, type] : {std::pair{WeightPolicy::i16, DType::f32},
                                 {WeightPolicy::i8, DType::f32},
                                 {WeightPolicy::file, DType::q4_0},
                                 {WeightPolicy::file, DType::q8_0}})
      for (Width activations : {Width::bits16, Width::bits8})
        for (Width kv : {Width::bits16, Width::bits8})
          shapes.push_back({architecture, window, weights, activations, kv, type});
  shapes.push_back({"smollm3"});  // a layer without positions
  return shapes;
}

// A text whose logits do not depend on the whole of it would prove little.
void expect_sensitive(const Transcript& t) {
  std::set<std::uint32_t> seen;
  for (const auto& [place, row] : t.logits) seen.insert(bits_of(row[0]));
  EXPECT_GT(seen.size(), t.logits.size() * 9 / 10);
}

TEST(ModelInvariance, EveryScheduleOfEveryModelGivesTheSameLogits) {
  if (kThreadSanitizer) GTEST_SKIP() << "runs on one thread";
  std::int64_t member = 0, comparisons = 0, rows = 0;
  for (const TinyShape& shape : all_shapes()) {
    SCOPED_TRACE(shape.name());
    TinyModel tiny(shape, tiny_weights(shape), "auto", 1);
    Transcript expected;
    compute(tiny, kWhole, expected);
    expect_sensitive(expected);
    for (const Schedule& schedule : all_schedules()) {
      if (!kept(member++)) continue;
      Transcript actual;
      compute(tiny, schedule, actual);
      rows += expect_same_logits(actual, expected, shape.name() + ", " + schedule.name);
      ++comparisons;
      ASSERT_FALSE(HasFailure());
    }
  }
  EXPECT_EQ(member, 65 * 15);
  std::printf("%ld comparisons, %ld rows of logits equal\n", comparisons, rows);
}

TEST(ModelInvariance, ACrowdOf300) {
  for (TinyShape shape : {TinyShape{"llama", 0, WeightPolicy::i8},
                          TinyShape{"qwen3", 0, WeightPolicy::i16, Width::bits8, Width::bits8}}) {
    TinyModel tiny(shape, tiny_weights(shape), "auto", 2);
    Transcript expected, actual;
    compute(tiny, kWhole, expected);
    compute(tiny, {.name = "crowd:300", .chunk = 50, .crowd = 300}, actual);
    EXPECT_EQ(expect_same_logits(actual, expected, shape.name()), kPositions);
  }
}

TEST(ModelInvariance, EveryBackendAndNumberOfThreadsGivesTheSameLogits) {
  const Schedule schedules[] = {
      {.name = "chunk:100", .chunk = 100},
      {.name = "crowd:7", .chunk = 60, .crowd = 7},
      {.name = "prefix:129 among 3", .chunk = 90, .crowd = 3, .prefix = 129},
  };
  const TinyShape shapes[] = {
      {"llama", 0, WeightPolicy::i8},
      {"llama", 100, WeightPolicy::i16, Width::bits16, Width::bits8},
      {"qwen2", 0, WeightPolicy::file, Width::bits8, Width::bits16, DType::q4_0},
      {"qwen3", 0, WeightPolicy::i8, Width::bits8, Width::bits8},
      {"smollm3", 0, WeightPolicy::i16, Width::bits8},
  };
  std::vector<std::string> backends = backends_here();
  backends.push_back("remote");
  std::int64_t member = 0, comparisons = 0;
  for (const TinyShape& shape : shapes) {
    PackedWeights weights = tiny_weights(shape);
    TinyModel best(shape, weights, "auto", 1);
    Transcript expected;
    compute(best, kWhole, expected);
    for (const std::string& backend : backends) {
      for (int threads : {1, 2, 3}) {
        if (!kept(member++)) continue;
        TinyModel tiny(shape, weights, backend, threads);
        EXPECT_EQ(tiny.backend->name(), backend);
        EXPECT_EQ(tiny.backend->threads(), threads);
        std::string name = fmt::format("{}, backend {}, {} threads", shape.name(), backend, threads);
        SCOPED_TRACE(name);
        const Schedule& schedule = schedules[threads - 1];
        Transcript actual;
        compute(tiny, schedule, actual);
        expect_same_logits(actual, expected, name + ", " + schedule.name);
        ++comparisons;
        ASSERT_FALSE(HasFailure());
      }
    }
  }
  std::printf("%ld comparisons on %zu backends\n", comparisons, backends.size());
}

// What was drawn, token by token beside others, has the logits that the finished text has when it is read in
// one go.
TEST(ModelInvariance, DecodedLogitsArePrefilledLogits) {
  std::int64_t member = 0;
  for (const TinyShape& shape : all_shapes()) {
    if (!kept(member++)) continue;
    SCOPED_TRACE(shape.name());
    TinyModel tiny(shape, tiny_weights(shape), "auto", 2);
    EngineOptions options = options_for({.name = "", .crowd = 7});
    auto engine = std::move(*Engine::create(*tiny.model, nullptr, options));
    GenerateRequest request;
    request.prompt = random_tokens(5, 100);
    request.max_tokens = 60;
    request.n = 3;
    request.sampling.temperature = 0.8f;
    request.sampling.seed = 11;
    request.logits = true;
    request.logprobs = 2;
    Transcript drawn, neighbour;
    GenerateRequest other = request;
    other.prompt = random_tokens(6, 90);
    ASSERT_TRUE(engine->submit(other, neighbour).ok());
    ASSERT_TRUE(engine->submit(request, drawn).ok());
    while (!engine->idle()) engine->step();
    EXPECT_EQ(drawn.witness().most_sequences, 6);

    for (std::int64_t choice = 0; choice < 3; ++choice) {
      GenerateRequest whole = request;
      whole.n = 1;
      whole.max_tokens = 0;
      whole.prompt.insert(whole.prompt.end(), drawn.tokens[choice].begin(), drawn.tokens[choice].end());
      whole.use_prefix_cache = false;
      whole.prompt_logprobs = 2;
      Transcript read;
      ASSERT_TRUE(engine->submit(whole, read).ok());
      while (!engine->idle()) engine->step();
      Transcript answer;  // the prompt's rows came with choice 0
      for (const auto& [place, row] : drawn.logits)
        if (place.first == choice) answer.logits[{0, place.second}] = row;
      EXPECT_EQ(expect_same_logits(answer, read, shape.name()), choice == 0 ? 159 : 59);
      for (const auto& [place, value] : drawn.logprobs)
        if (place.first == choice) expect_same_logprobs(read.prompt.at(place.second), value);
    }
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace verbatim
