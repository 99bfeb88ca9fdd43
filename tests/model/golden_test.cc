// Whole models against an independent implementation: every architecture, RoPE scaling and file format,
// from the file on disk to the logits, beside what PyTorch and transformers computed with the same weights
// (golden/, made by tools/goldens). A tolerance stands here because the contract rounds to integers and the
// reference does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "engine/loaded_model.h"
#include "model/golden_directory.h"
#include "one_step.h"
#include "ops/kv_pages.h"
#include "source_path.h"

namespace verbatim {
namespace {

// Third-party: not ours to copy.
const std::string kStories = source_path("../shared/models/stories260K-f32.gguf");
constexpr int kThreads = 2;

// The largest |logit - golden|, as a share of the golden row's spread (highest - lowest logit), that
// i16 / a16 / kv16 may show.
constexpr double kFaithful = 1e-3;

// A .golden file; its format is described in tools/goldens/make_goldens.py.
struct Golden {
  std::int64_t vocab = 0;
  std::vector<std::int32_t> tokens;  // (positions)
  std::vector<std::int32_t> top1;    // (positions)
  std::vector<float> margin;         // (positions): (highest - second logit) / spread
  std::vector<std::int32_t> kept;    // positions whose logits are kept
  std::vector<float> logits;         // (kept, vocab)

  const float* row(std::size_t i) const { return logits.data() + i * static_cast<std::size_t>(vocab); }
};

Result<Golden> read_golden(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  auto read = [&file](auto* to, std::size_t count) {
    file.read(reinterpret_cast<char*>(to), static_cast<std::streamsize>(count * sizeof *to));
  };
  char magic[8] = {};
  std::uint32_t counts[3] = {};  // positions, vocabulary, kept rows
  read(magic, 8);
  read(counts, 3);
  if (!file || std::string_view(magic, 8) != "VBGOLD01") return fail("{}: not a golden file", path);
  Golden golden;
  golden.vocab = counts[1];
  auto fill = [&read](auto& v, std::size_t count) {
    v.resize(count);
    read(v.data(), count);
  };
  fill(golden.tokens, counts[0]);
  fill(golden.top1, counts[0]);
  fill(golden.margin, counts[0]);
  fill(golden.kept, counts[2]);
  fill(golden.logits, std::size_t{counts[2]} * counts[1]);
  if (!file) return fail("{}: the file is cut short", path);
  return golden;
}

// How wide everything is held: weights, activations, KV cache.
struct Widths {
  const char* name;
  WeightPolicy weights;
  ModelOptions options;
};
constexpr Widths kWidest = {"i16 / a16 / kv16", WeightPolicy::i16, {}};

// A model ready to run, with KV pages for one sequence.
class Sequence {
 public:
  static Result<std::unique_ptr<Sequence>> open(const std::string& path, const Widths& widths,
                                                std::int64_t positions) {
    ModelChoice choice;
    choice.path = path;
    choice.threads = kThreads;
    choice.widths = widths.options;
    choice.load.weights.policy = widths.weights;
    choice.load.use_cache = false;
    auto loaded = load_model(choice);
    if (!loaded) return loaded.error();
    return std::unique_ptr<Sequence>(new Sequence(*std::move(loaded), positions));
  }

  const Tokenizer& tokenizer() const { return *loaded_->tokenizer; }

  // Computes `tokens` at first_position, first_position + 1, ... in one step.
  // -> (tokens, vocab) logits; empty when a row failed
  std::vector<float> step(const std::vector<std::int32_t>& tokens, std::int32_t first_position) {
    auto rows = static_cast<std::int32_t>(tokens.size());
    StepBatch batch;
    batch.tokens = tokens;
    batch.positions.resize(tokens.size());
    std::iota(batch.positions.begin(), batch.positions.end(), first_position);
    batch.logits_rows.resize(tokens.size());
    std::iota(batch.logits_rows.begin(), batch.logits_rows.end(), 0);
    Segment segment{0, rows, first_position, {}};
    segment.pages.resize(static_cast<std::size_t>((first_position + rows - 1) / kPageTokens + 1));
    std::iota(segment.pages.begin(), segment.pages.end(), 0);
    batch.segments.push_back(segment);

    OneStep step = one_step(*runner_, batch);
    for (const RowFault& fault : step.faults) ADD_FAILURE() << "row " << fault.row << ": " << fault.message;
    if (!step.faults.empty()) step.logits.clear();
    return step.logits;
  }

 private:
  Sequence(std::unique_ptr<LoadedModel> loaded, std::int64_t positions)
      : loaded_(std::move(loaded)),
        runner_(loaded_->model->make_runner({.pages = (positions + kPageTokens - 1) / kPageTokens,
                                             .max_rows = positions,
                                             .max_logits_rows = positions})) {}

  std::unique_ptr<LoadedModel> loaded_;
  std::unique_ptr<Runner> runner_;
};

// Logits of all positions, computed in one step: (positions, vocab).
// Empty, with a failure, when it cannot be done.
std::vector<float> logits_of(const std::string& path, const Widths& widths, const Golden& golden) {
  auto runner = Sequence::open(path, widths, static_cast<std::int64_t>(golden.tokens.size()));
  if (!runner) {
    ADD_FAILURE() << runner.error().message;
    return {};
  }
  std::vector<float> logits = (*runner)->step(golden.tokens, 0);
  if (logits.size() != golden.tokens.size() * static_cast<std::size_t>(golden.vocab)) {
    ADD_FAILURE() << path << ": " << logits.size() << " logits for " << golden.tokens.size() << " positions";
    return {};
  }
  return logits;
}

// Asserts |logit - golden| <= kFaithful * spread on the kept rows, and the same best token at every position
// where the reference's own margin is wider than two such errors.
void expect_faithful(const std::string& name, const std::vector<float>& logits, const Golden& golden) {
  auto vocab = static_cast<std::size_t>(golden.vocab);
  double worst = 0;
  for (std::size_t i = 0; i < golden.kept.size(); ++i) {
    const float* expected = golden.row(i);
    const float* actual = logits.data() + static_cast<std::size_t>(golden.kept[i]) * vocab;
    auto [low, high] = std::minmax_element(expected, expected + vocab);
    double spread = static_cast<double>(*high) - *low, row_worst = 0;
    std::size_t where = 0;
    for (std::size_t t = 0; t < vocab; ++t) {
      double ratio = std::fabs(static_cast<double>(actual[t]) - expected[t]) / spread;
      if (!(ratio <= row_worst)) row_worst = ratio, where = t;
    }
    EXPECT_LE(row_worst, kFaithful) << fmt::format("{}: position {}, token {}: {:a}, golden {:a}", name,
                                                   golden.kept[i], where, actual[where], expected[where]);
    worst = std::max(worst, row_worst);
  }
  std::size_t near_ties = 0;
  for (std::size_t p = 0; p < golden.tokens.size(); ++p) {
    const float* row = logits.data() + p * vocab;
    auto best = static_cast<std::int32_t>(std::max_element(row, row + vocab) - row);
    if (golden.margin[p] <= 2 * kFaithful) {
      ++near_ties;
    } else {
      EXPECT_EQ(best, golden.top1[p])
          << fmt::format("{}: the best token of position {} (margin {})", name, p, golden.margin[p]);
    }
  }
  EXPECT_LT(near_ties, golden.tokens.size() / 10) << "too few positions are left to compare";
  std::printf("%-28s worst |logit - golden| / spread %.2e, %zu near ties\n", name.c_str(), worst, near_ties);
}

// Kullback-Leibler divergence of two rows' softmax, in nats.
double divergence(const float* reference, const float* other, std::size_t vocab) {
  auto log_sum = [vocab](const float* z) {
    double m = *std::max_element(z, z + vocab), sum = 0;
    for (std::size_t t = 0; t < vocab; ++t) sum += std::exp(z[t] - m);
    return m + std::log(sum);
  };
  double a = log_sum(reference), b = log_sum(other), kl = 0;
  for (std::size_t t = 0; t < vocab; ++t)
    kl += std::exp(reference[t] - a) * ((reference[t] - a) - (other[t] - b));
  return kl;
}

// What the GGUF file of a case must give, measured against its Hugging Face folder.
enum class Gguf {
  none,       // there is no such file
  same_bits,  // it holds the same values in another order of rows, and integer sums have no order
  faithful,   // it says the same in rounded numbers: llama3's frequencies as float32 factors
};

struct GoldenCase {
  const char* name;
  Gguf gguf;
  std::string folder() const { return kGoldenDirectory + name; }
  std::string gguf_path() const { return folder() + ".gguf"; }
  std::string golden_path() const { return folder() + ".golden"; }
};

constexpr GoldenCase kCases[] = {
    {"llama", Gguf::same_bits},      {"llama-tied-f32", Gguf::same_bits},
    {"llama3-rope", Gguf::faithful}, {"linear-rope", Gguf::same_bits},
    {"yarn-rope", Gguf::same_bits},  {"mistral-window", Gguf::same_bits},
    {"qwen2", Gguf::same_bits},      {"qwen3", Gguf::same_bits},
    {"head-dim-128", Gguf::none},    {"smollm3", Gguf::same_bits},
};

void PrintTo(const GoldenCase& c, std::ostream* out) { *out << c.name; }

class GoldenModel : public testing::TestWithParam<GoldenCase> {
 protected:
  void SetUp() override {
    Result<Golden> golden = read_golden(GetParam().golden_path());
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    golden_ = *std::move(golden);
  }
  Golden golden_;
};

TEST_P(GoldenModel, FolderAgreesWithTransformers) {
  std::vector<float> logits = logits_of(GetParam().folder(), kWidest, golden_);
  if (!logits.empty()) expect_faithful(GetParam().name, logits, golden_);
}

TEST_P(GoldenModel, GgufAgreesWithTheFolder) {
  if (GetParam().gguf == Gguf::none) GTEST_SKIP() << "this case has no GGUF file";
  std::vector<float> logits = logits_of(GetParam().gguf_path(), kWidest, golden_);
  ASSERT_FALSE(logits.empty());
  expect_faithful(GetParam().gguf_path().substr(kGoldenDirectory.size()), logits, golden_);
  if (GetParam().gguf != Gguf::same_bits) return;
  std::vector<float> folder = logits_of(GetParam().folder(), kWidest, golden_);
  ASSERT_EQ(folder.size(), logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    auto vocab = static_cast<std::size_t>(golden_.vocab);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(logits[i]), std::bit_cast<std::uint32_t>(folder[i]))
        << fmt::format("position {}, token {}: GGUF {:a}, folder {:a}", i / vocab, i % vocab, logits[i],
                       folder[i]);
  }
}

// The narrower widths, for the documentation. The bounds are no promise of quality, since random weights
// forgive less than trained ones; they catch what is broken. Their unit is how far two rows are that have
// nothing in common: the mean divergence of each kept row from the next.
TEST_P(GoldenModel, NarrowWidthsStayNear) {
  struct Bound {
    Widths widths;
    double share;
  };
  constexpr Bound bounds[] = {
      {kWidest, 1e-5},
      {{"i8  / a16 / kv16", WeightPolicy::i8, {}}, 0.01},
      {{"i8  / a16 / kv8", WeightPolicy::i8, {.kv = Width::bits8}}, 0.01},
      {{"i8  / a8  / kv8", WeightPolicy::i8, {Width::bits8, Width::bits8}}, 0.02},
  };
  auto vocab = static_cast<std::size_t>(golden_.vocab);
  double unrelated = 0;
  for (std::size_t i = 0; i + 1 < golden_.kept.size(); ++i) {
    unrelated += divergence(golden_.row(i), golden_.row(i + 1), vocab);
  }
  unrelated /= static_cast<double>(golden_.kept.size() - 1);

  for (const Bound& bound : bounds) {
    std::vector<float> logits = logits_of(GetParam().folder(), bound.widths, golden_);
    ASSERT_FALSE(logits.empty());
    double sum = 0, most = 0;
    for (std::size_t i = 0; i < golden_.kept.size(); ++i) {
      const float* row = logits.data() + static_cast<std::size_t>(golden_.kept[i]) * vocab;
      double kl = divergence(golden_.row(i), row, vocab);
      sum += kl;
      most = std::max(most, kl);
    }
    double mean = sum / static_cast<double>(golden_.kept.size());
    std::printf("%-16s %-18s mean KL %.2e, max KL %.2e\n", GetParam().name, bound.widths.name, mean, most);
    EXPECT_LT(mean, bound.share * unrelated) << bound.widths.name;
  }
}

std::string name_of_model(const testing::TestParamInfo<GoldenCase>& c) {
  std::string name = c.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Cases, GoldenModel, testing::ValuesIn(kCases), name_of_model);

TEST(GoldenDirectory, EveryModelInItIsTested) {
  std::set<std::string> tested, present;
  for (const GoldenCase& c : kCases) tested.insert(c.name);
  for (const auto& entry : std::filesystem::directory_iterator(kGoldenDirectory)) {
    if (entry.is_directory()) present.insert(entry.path().filename().string());
  }
  EXPECT_EQ(present, tested);
}

// A trained model: stories260K of Karpathy's llama2.c, from its GGUF file.
class Stories260K : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kStories)) GTEST_SKIP() << "the model file is not here: " << kStories;
    Result<Golden> golden = read_golden(kGoldenDirectory + "stories260K.golden");
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    golden_ = *std::move(golden);
  }
  Golden golden_;
};

TEST_F(Stories260K, AgreesWithTransformers) {
  std::vector<float> logits = logits_of(kStories, kWidest, golden_);
  if (!logits.empty()) expect_faithful("stories260K", logits, golden_);
}

TEST_F(Stories260K, GreedyTellsThePublishedStory) {
  auto runner = Sequence::open(kStories, kWidest, static_cast<std::int64_t>(golden_.tokens.size()));
  ASSERT_TRUE(runner.ok()) << runner.error().message;
  const Tokenizer& tokenizer = (*runner)->tokenizer();
  auto prompt = tokenizer.encode("Once upon a time");
  ASSERT_TRUE(prompt.ok()) << prompt.error().message;

  std::vector<std::int32_t> tokens = *prompt, next = *prompt;
  while (tokens.size() < golden_.tokens.size()) {
    auto first = static_cast<std::int32_t>(tokens.size() - next.size());
    std::vector<float> logits = (*runner)->step(next, first);
    ASSERT_FALSE(logits.empty());
    auto last = logits.end() - golden_.vocab;
    next = {static_cast<std::int32_t>(std::max_element(last, logits.end()) - last)};
    tokens.push_back(next[0]);
  }
  EXPECT_EQ(tokens, golden_.tokens);

  std::ifstream file(kGoldenDirectory + "stories260K.txt");
  std::string text = tokenizer.decode(tokens), golden_text(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(text, golden_text);
  // The beginning of what llama2.c's own test (test_all.py) expects of this model.
  EXPECT_TRUE(text.starts_with(
      "Once upon a time, there was a little girl named Lily. She loved to play outside in the "
      "park. One day, she saw a big, red ball. She wanted to play with it, but it was too high."))
      << text;
}

}  // namespace
}  // namespace verbatim
