// The control group computes the same models: its probabilities are those of the contract but for bf16's rounding.
// Its bits are nobody's business.
#include "backend/conventional/conventional.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "backend/conventional/attention.h"
#include "base/aligned_buffer.h"
#include "invariance/tiny_model.h"
#include "lab/attention_case.h"
#include "lab/generation.h"
#include "lab/two_paths.h"
#include "one_step.h"
#include "source_path.h"

namespace verbatim::lab {
namespace {

// Mean KL of a bf16 evaluation from an exact one was 1.25e-4 nats on stories260K (docs/numerics.md's method); ten times
// that would be another model.
constexpr double kMeanKl = 1.5e-3;

class Conventional : public testing::Test {
 protected:
  void SetUp() override {
    if (auto blas = Blas::load(); !blas) GTEST_SKIP() << blas.error().message;
  }

  static std::unique_ptr<LoadedModel> load(const std::string& path, const std::string& backend) {
    ModelChoice choice;
    choice.path = path;
    choice.backend = backend;
    choice.threads = 2;
    auto loaded = load_model(choice);
    EXPECT_TRUE(loaded.ok()) << loaded.error().message;
    return *std::move(loaded);
  }

  // Greedy answers begin alike, and all logits of the longer text are close, by both of its paths.
  static void expect_same_model(const std::string& path) {
    auto ours = load(path, "auto"), theirs = load(path, "conventional");
    EXPECT_NE(ours->fingerprint, theirs->fingerprint);
    GenerateRequest request = greedy_request(*ours, "Once upon a time", 160);
    Kept our_answer = generate_alone(*ours, request), their_answer = generate_alone(*theirs, request);
    EXPECT_EQ(std::vector(our_answer.tokens.begin(), our_answer.tokens.begin() + 8),
              std::vector(their_answer.tokens.begin(), their_answer.tokens.begin() + 8));

    GenerateRequest scored;
    scored.prompt = request.prompt;
    scored.prompt.insert(scored.prompt.end(), our_answer.tokens.begin(), our_answer.tokens.end());
    scored.max_tokens = 0;
    scored.logits = true;
    std::vector<float> reference = generate_alone(*ours, scored).logits;
    for (std::int64_t chunk : {0, 1}) {
      scored.max_chunk = chunk;
      Kept kept = generate_alone(*theirs, scored);
      Agreement agreement = compare_rows(reference, kept.logits, ours->model->config().vocab_size, {});
      EXPECT_EQ(agreement.positions, static_cast<std::int64_t>(scored.prompt.size()));
      EXPECT_LT(*agreement.mean_kl, kMeanKl) << "chunk " << chunk;
    }
  }
};

TEST_F(Conventional, ComputesTheBuiltInModel) { expect_same_model("storyteller"); }

TEST_F(Conventional, ComputesStories260K) {
  std::string path = source_path("../shared/models/stories260K-f32.gguf");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  expect_same_model(path);
}

// Every operation of every architecture, over several pages: biases, norms of q and k, a window, tied embeddings.
TEST_F(Conventional, ComputesEveryArchitecture) {
  for (const TinyShape& shape : {TinyShape{"llama"}, TinyShape{"llama", 100}, TinyShape{"qwen2"},
                                 TinyShape{"qwen3"}, TinyShape{"smollm3"}}) {
    PackedWeights weights = tiny_weights(shape);
    const std::int64_t tokens = 600, vocab = tiny_config(shape).vocab_size;
    StepBatch batch;
    Segment segment;
    segment.rows = tokens;
    for (std::int32_t i = 0; i < tokens; ++i) {
      batch.tokens.push_back(i * 13 % static_cast<std::int32_t>(vocab));
      batch.positions.push_back(i);
      batch.logits_rows.push_back(i);
      if (i % kPageTokens == 0) segment.pages.push_back(static_cast<std::int32_t>(i / kPageTokens));
    }
    batch.segments.push_back(segment);
    auto logits = [&](std::string_view backend) {
      TinyModel tiny(shape, weights, backend, 2);
      OneStep step = one_step(*tiny.model, batch);
      EXPECT_TRUE(step.faults.empty());
      return step.logits;
    };
    // Random weights with sharp attention amplify rounding; a mistake in an operation gives a KL above 1.
    Agreement agreement = compare_rows(logits("auto"), logits("conventional"), vocab, {});
    EXPECT_LT(*agreement.mean_kl, 0.05) << shape.name();
  }
}

TEST_F(Conventional, SplitsTheContextAsSaid) {
  using conventional::kv_splits;
  EXPECT_EQ(kv_splits(1, 512, 4), 4);
  EXPECT_EQ(kv_splits(1, 511, 4), 1);
  EXPECT_EQ(kv_splits(2, 512, 4), 1);
  EXPECT_EQ(kv_splits(1, 512, 1), 1);
}

// Split or not, in a chunk or not, the numbers are those of the contract within bf16's precision.
void expect_close_attention(const spec::ScoreForm& scores, const std::vector<float>& sinks) {
  auto ours = *make_backend("auto", 1);
  AttentionCase expected_case(5, scores, sinks);
  expected_case.store(*ours);
  std::vector<float> expected, actual;
  expected_case.among(*ours, 1, expected);
  for (int threads : {1, 2, 3, 5}) {
    auto theirs = *make_backend("conventional", threads);
    AttentionCase attention(5, scores, sinks);
    attention.store(*theirs);
    for (std::int64_t rows : {1, 2, 7, 64, 130}) {
      for (bool chunk : {false, true}) {
        chunk ? attention.in_chunk(*theirs, rows, actual) : attention.among(*theirs, rows, actual);
        for (std::size_t i = 0; i < expected.size(); ++i) {
          ASSERT_NEAR(actual[i], expected[i], 0.004)
              << threads << " threads, " << rows << " rows, chunk " << chunk << ", output " << i;
        }
      }
    }
  }
}

TEST_F(Conventional, AttentionIsCloseHoweverItIsSplit) { expect_close_attention({}, {}); }

TEST_F(Conventional, AttentionWithSinksCapsAndAScaleIsClose) {
  expect_close_attention({0.1f, 0.5f}, {3, 4, 5, 6, 7, 8, 9, -20});
}

// Each row's experts, however many rows share one, and their sum.
TEST_F(Conventional, ExpertsAreClose) {
  constexpr std::int64_t kExperts = 4, kRows = 9, kChosen = 2, n = 32, k = 64;
  AlignedBuffer<std::byte> data(static_cast<std::size_t>(packed_bytes(WeightKind::i8, kExperts * n, k)));
  AlignedBuffer<float> scale(kExperts * n);
  for (std::int64_t row = 0; row < kExperts * n; ++row) {
    std::vector<std::int16_t> q;
    for (std::int64_t i = 0; i < k; ++i)
      q.push_back(static_cast<std::int16_t>((row * 31 + i * 17) % 255 - 127));
    pack_row(WeightKind::i8, row, k, q.data(), data.data());
    scale[static_cast<std::size_t>(row)] = 1e-3f;
  }
  const PackedMatrix stack{WeightKind::i8, kExperts * n, k, data.data(), scale.data()};
  std::vector<float> x, z, bias;
  for (std::int64_t i = 0; i < kRows * k; ++i) x.push_back(static_cast<float>(i * 7 % 16 - 8) / 8);
  for (std::int64_t i = 0; i < kRows * kExperts; ++i) z.push_back(static_cast<float>(i * 5 % 11) / 4);
  for (std::int64_t i = 0; i < kExperts * n; ++i) bias.push_back(static_cast<float>(i % 5));
  const auto sums = [&](std::string_view name) {
    auto backend = *make_backend(name, 2);
    Memory& memory = backend->memory();
    const PlacedMatrix w = backend->place(stack, nullptr);
    const Array<float> rows(memory, x), logits(memory, z), biases(memory, bias),
        weights(memory, kRows * kChosen), given(memory, kRows * kChosen * n), y(memory, kRows * n);
    const Array<std::int32_t> experts(memory, kRows * kChosen);
    const Array<std::uint32_t> sites(memory, kRows);
    const FixStorage storage = backend->make_rows(kRows, k);
    const FixRows q = storage.rows(kRows, k, {});
    backend->quantise(rows.data(), q, {sites.data(), 1});
    backend->route({.experts = kExperts, .chosen = kChosen}, logits.data(), kRows, experts.data(),
                   weights.data());
    const ExpertsJob job{&w.matrix, kExperts, biases.data(), given.data()};
    backend->linear_experts(q, experts.data(), kChosen, {&job, 1});
    backend->moe_sum({kChosen, weights.data(), given.data(), given.data()}, kRows, n, y.data());
    std::vector<float> all(y.size());
    y.read(all);
    return all;
  };
  const std::vector<float> expected = sums("auto"), actual = sums("conventional");
  for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(actual[i], expected[i], 0.05) << i;
}

TEST_F(Conventional, SaysThatItIsNotReproducibleAndRefusesOtherWidths) {
  auto loaded = load("storyteller", "conventional");
  ASSERT_EQ(loaded->notes.size(), 1u);
  EXPECT_NE(loaded->notes[0].find("not reproducible"), std::string::npos);
  for (ModelOptions widths :
       {ModelOptions{Width::bits8, Width::bits16}, ModelOptions{Width::bits16, Width::bits8}}) {
    ModelChoice choice;
    choice.path = "storyteller";
    choice.backend = "conventional";
    choice.widths = widths;
    auto refused = load_model(choice);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("bf16"), std::string::npos) << refused.error().message;
  }
}

TEST_F(Conventional, AValueThatIsNotFiniteIsReportedForItsRow) {
  auto backend = *make_backend("conventional", 2);
  std::vector<float> x(4 * 70, 1.0f), gain(70, 1.0f);
  x[70 + 69] = INFINITY;
  x[3 * 70] = NAN;
  Memory& memory = backend->memory();
  const Array<float> values(memory, x), gains(memory, gain);
  const FixStorage storage = backend->make_rows(4, 70);
  const FixRows rows = storage.rows(4, 70, {});
  const auto sites_of = [&](auto operation) {
    const Array<std::uint32_t> sites(memory, 4);
    operation(Faults{sites.data(), 7});
    std::vector<std::uint32_t> found(4);
    sites.read(found);
    return found;
  };
  const std::vector<std::uint32_t> expected = {0, 7, 0, 7};
  EXPECT_EQ(sites_of([&](Faults faults) { backend->quantise(values.data(), rows, faults); }), expected);
  EXPECT_EQ(sites_of([&](Faults faults) {
              backend->rms_norm_quantise(values.data(), gains.data(), 1e-5f, rows, faults);
            }),
            expected);
  EXPECT_EQ(sites_of([&](Faults faults) {
              backend->gate_quantise({}, values.data(), values.data(), rows, faults);
            }),
            expected);
}

}  // namespace
}  // namespace verbatim::lab
