// Whatever numbers a file may state: a config that check_config lets pass is computed, at every position of its context,
// without meeting what an operation REQUIRES. The search is random, with one seed.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "engine/engine.h"
#include "engine/loaded_model.h"
#include "load/random_model.h"
#include "model/architecture.h"
#include "spec/rope.h"

namespace verbatim {
namespace {

class Draws {
 public:
  explicit Draws(unsigned seed) : random_(seed) {}
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[random_() % values.size()];
  }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most - least + 1));
  }
  // Of any size: 10^-40 to 10^40
  double real() { return std::pow(10.0, static_cast<double>(between(-4000, 4000)) / 100); }
  // What files state, and what nobody should.
  double number(std::initializer_list<double> usual) { return between(0, 2) == 0 ? real() : one_of(usual); }

 private:
  std::mt19937_64 random_;
};

ModelConfig any_config(Draws& draw) {
  ModelConfig c;
  c.architecture =
      architectures()[static_cast<std::size_t>(draw.between(0, std::ssize(architectures()) - 1))]->name;
  c.layers = draw.one_of<std::int64_t>({0, 1, 2, 4097});
  c.layers = draw.between(0, 9) == 0 ? c.layers : draw.between(1, 2);
  c.kv_heads = draw.between(1, 3);
  c.heads = c.kv_heads * draw.between(1, 3) + (draw.between(0, 9) == 0 ? 1 : 0);
  c.head_dim =
      draw.one_of<std::int64_t>({2, 4, 6, 10, 16, 30, 64, 100, 128, 256, 1022, 1024, 1025, 1026, 4096});
  c.rope_dim = c.head_dim;
  c.dim = draw.between(1, 130);
  c.hidden_dim = draw.between(1, 200);
  c.vocab_size = draw.one_of<std::int64_t>({300, 301, 384, (1 << 23) - 1, 1 << 23, 1 << 24});
  c.context_length = draw.one_of<std::int64_t>(
      {1, 2, 63, 64, 65, 512, 4096, 131072, 1 << 20, std::int64_t{1} << 31, (std::int64_t{1} << 31) + 1});
  c.norm_epsilon = static_cast<float>(draw.number({1e-5, 1e-6, 0, -1}));
  c.rope_theta = draw.number({1e4, 5e5, 1e6, 1, 0.5, 1e-10, 2.8e-9, 0, -1});
  spec::RopeScaling& s = c.rope_scaling;
  using Kind = spec::RopeScalingKind;
  s.kind = draw.one_of({Kind::none, Kind::linear, Kind::llama3, Kind::yarn});
  s.factor = draw.number({1, 2, 8, 40, 0.25, 1e-9, 1e-30, 1e-40, 0});
  s.original_context = draw.number({64, 4096, 8192, 0});
  s.low_freq_factor = draw.number({1, 2, 0});
  s.high_freq_factor = draw.number({4, 1, 1e300});
  s.beta_fast = draw.number({32, 1});
  s.beta_slow = draw.number({1, 0});
  if (draw.between(0, 3) == 0) s.attention_factor = draw.number({1, 0.5, 0});
  if (draw.between(0, 3) == 0)
    for (std::int64_t i = 0; i < c.head_dim / 2; ++i)
      s.frequency_factors.push_back(static_cast<float>(draw.number({1, 8, 32})));
  return c;
}

// A context takes too long to compute whole: its first and last positions, and some between.
void expect_rotations(const ModelConfig& c, Draws& draw) {
  const std::vector<double> frequencies = spec::rope_frequencies(c.head_dim, c.rope_theta, c.rope_scaling);
  const double mscale = spec::rope_mscale(c.rope_scaling);
  std::vector<float> cosine(frequencies.size()), sine(frequencies.size());
  for (std::int64_t position :
       {std::int64_t{0}, draw.between(0, c.context_length - 1), c.context_length - 1}) {
    spec::rope_row(frequencies, mscale, position, cosine.data(), sine.data());
    for (std::size_t i = 0; i < cosine.size(); ++i) {
      const double length = std::hypot(cosine[i], sine[i]);
      ASSERT_NEAR(length / mscale, 1, 1e-6) << "pair " << i << " at position " << position << " of theta "
                                            << c.rope_theta << ", factor " << c.rope_scaling.factor;
    }
  }
}

TEST(ConfigSearch, WhatPassesCanBeRotatedAtEveryPosition) {
  Draws draw(1);
  int passed = 0, refused = 0;
  for (int i = 0; i < 20'000 && !HasFatalFailure(); ++i) {
    const ModelConfig c = any_config(draw);
    if (!check_config(c, "a file").ok()) {
      ++refused;
      continue;
    }
    ++passed;
    expect_rotations(c, draw);
  }
  EXPECT_GT(passed, 1000);
  EXPECT_GT(refused, 1000);
}

class Count final : public TokenSink {
 public:
  void on_token(const TokenEvent&) override { ++tokens; }
  void on_finish(const Finish& finish) override { ended = finish; }
  int tokens = 0;
  std::optional<Finish> ended;
};

// Random weights of such a shape are loaded and answer. A row that is not finite ends an answer with a sentence.
TEST(ConfigSearch, WhatPassesAnswers) {
  Draws draw(2);
  ThreadPool pool(2);
  const std::string path = ::testing::TempDir() + "config_search.gguf";
  int computed = 0;
  for (int tries = 0; computed < 40; ++tries) {
    ASSERT_LT(tries, 20'000);
    RandomModel random;
    random.config = any_config(draw);
    random.config.vocab_size = 384;
    random.seed = static_cast<std::uint64_t>(tries);
    if (!check_config(random.config, path).ok()) continue;
    const Status written = write_random_model(path, random, pool);
    if (!written.ok() && written.error().message.ends_with("which GGUF cannot state")) continue;
    ASSERT_TRUE(written.ok()) << written.error().message;
    ModelChoice choice;
    choice.path = path;
    choice.load.use_cache = false;
    auto loaded = load_model(choice);
    if (!loaded
             .ok()) {  // what a scaling becomes in GGUF may be refused: factors beyond float32, two scalings at once
      EXPECT_TRUE(loaded.error().message.starts_with(path + ": ")) << loaded.error().message;
      continue;
    }
    EngineOptions options;
    options.kv_pages = 2;
    auto engine = Engine::create(*(*loaded)->model, (*loaded)->tokenizer.get(), options);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    GenerateRequest request;
    request.prompt = {1, 2, 3, 4, 5};
    request.max_tokens = 4;
    request.ignore_eos = true;
    const std::int64_t room = (*loaded)->context - 5;
    if (room < 1) continue;
    request.max_tokens = std::min<std::int64_t>(request.max_tokens, room);
    Count sink;
    ASSERT_TRUE((*engine)->submit(request, sink).ok());
    while (!sink.ended) (*engine)->step();
    if (sink.ended->reason == FinishReason::error) {
      EXPECT_FALSE(sink.ended->message.empty());
    } else {
      EXPECT_EQ(sink.tokens, request.max_tokens);
    }
    ++computed;
  }
}

}  // namespace
}  // namespace verbatim
