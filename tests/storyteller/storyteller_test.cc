// The built-in model against fixed expectations: what it says, to the bit, on every backend and under every schedule.
// The numbers below were printed by `verbatim score` and `verbatim run`; they change only with the model file or with
// the contract (spec/version.h), and then deliberately.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "backend/list.h"
#include "base/sha256.h"
#include "builtin/builtin_models.h"
#include "engine/engine.h"
#include "engine/loaded_model.h"
#include "sample/logprobs.h"
#include "schedules.h"
#include "source_path.h"
#include "thinning.h"

namespace verbatim {
namespace {

constexpr std::string_view kFingerprint = "3f3f944791d9d9be58f5a730693366a0d87577a4bf16e4eb0a6077be3c26f001";

// "The Cobbler Turned Doctor" from Aesop's Fables, translated by V. S. Vernon Jones, 1912 (public domain); the model
// was not trained on it. kText is its first two sentences.
constexpr std::string_view kText =
    "A very unskilful Cobbler, finding himself unable to make a living at his trade, gave up mending boots "
    "and "
    "took to doctoring instead. He gave out that he had the secret of a universal antidote against all "
    "poisons, "
    "and acquired no small reputation, thanks to his talent for puffing himself.";
constexpr std::string_view kRest =
    " One day, however, he fell very ill; and the King of the country bethought him that he would test the "
    "value "
    "of his remedy. Calling, therefore, for a cup, he poured out a dose of the antidote, and, under pretence "
    "of "
    "mixing poison with it, added a little water, and commanded him to drink it. Terrified by the fear of "
    "being "
    "poisoned, the Cobbler confessed that he knew nothing about medicine, and that his antidote was "
    "worthless. "
    "Then the King summoned his subjects and addressed them as follows: \"What folly could be greater than "
    "yours? "
    "Here is this Cobbler to whom no one will send his boots to be mended, and yet you have not hesitated to "
    "entrust him with your lives!\"";

struct Score {
  std::int64_t tokens = 0;
  double perplexity = 0;
  std::string logits_sha256;
  Witness witness;
};

std::unique_ptr<LoadedModel> load(const std::string& backend, int threads = 2) {
  ModelChoice choice;
  choice.path = "storyteller";
  choice.backend = backend;
  choice.threads = threads;
  auto loaded = load_model(choice);
  EXPECT_TRUE(loaded.ok()) << loaded.error().message;
  return *std::move(loaded);
}

Score score(LoadedModel& loaded, std::string_view text, const char* schedule) {
  std::vector<std::int32_t> tokens = *loaded.tokenizer->encode(text, {true, false});
  Score score;
  score.tokens = static_cast<std::int64_t>(tokens.size());
  Sha256 sha;
  double sum = 0;
  auto on_row = [&](std::int64_t position, std::span<const float> row) {
    sha.update(row.data(), row.size_bytes());
    auto next = static_cast<std::size_t>(position) + 1;
    if (next == tokens.size()) return;
    const spec::LogNormaliser normaliser = loaded.backend->logits_math().log_normalise(row);
    sum += logprobs_of(row, normaliser, tokens[next], 0).chosen.logprob;
  };
  auto witness = app::compute_rows(loaded, tokens, *app::parse_schedule(schedule), on_row);
  EXPECT_TRUE(witness.ok()) << witness.error().message;
  score.witness = *witness;
  score.perplexity = std::exp(-sum / static_cast<double>(score.tokens - 1));
  score.logits_sha256 = sha.hex();
  return score;
}

class Collector final : public TokenSink {
 public:
  void on_token(const TokenEvent& event) override { text += event.text; }
  void on_finish(const Finish& finish) override { text += finish.text; }
  std::string text;
};

std::string continue_greedily(LoadedModel& loaded, std::string_view prompt, std::int64_t tokens) {
  auto engine = Engine::create(*loaded.model, loaded.tokenizer.get(), {});
  EXPECT_TRUE(engine.ok()) << engine.error().message;
  GenerateRequest request;
  request.prompt = *loaded.tokenizer->encode(prompt, {true, false});
  request.max_tokens = tokens;
  request.sampling.temperature = 0;
  Collector answer;
  EXPECT_TRUE((*engine)->submit(request, answer).ok());
  while (!(*engine)->idle()) (*engine)->step();
  return answer.text;
}

TEST(Storyteller, IsTheFileInTheRepositoryAndHasThisFingerprint) {
  std::ifstream in(source_path("models/storyteller/storyteller.gguf"), std::ios::binary);
  std::string file{std::istreambuf_iterator<char>(in), {}};
  std::span<const std::byte> built_in = builtin_models().front().gguf;
  ASSERT_EQ(file.size(), built_in.size());
  EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(file)), built_in));
  EXPECT_LE(file.size(), std::size_t{16} << 20);
  EXPECT_EQ(load("auto")->fingerprint, kFingerprint);
}

TEST(Storyteller, APathIsNotTakenForItsName) {
  auto missing = open_by_name("./storyteller");
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("./storyteller"), std::string::npos);
}

TEST(Storyteller, SaysTheSameOnEveryBackend) {
  for (const std::string& backend : backends_here()) {
    // Scalar code, ten minutes of it: a sanitizer has seen all of that in the suite conform.
    if (kSanitizer && (backend == "generic" || backend == "reference")) continue;
    SCOPED_TRACE(backend);
    auto loaded = load(backend);
    ASSERT_EQ(loaded->backend->name(), backend);
    EXPECT_EQ(loaded->fingerprint, kFingerprint);
    EXPECT_EQ(continue_greedily(*loaded, "Once upon a time", 24),
              " there was a king who had three sons. The eldest was called Siroco, the second Frederick");
    Score scored = score(*loaded, kText, "whole");
    EXPECT_EQ(scored.tokens, 84);
    EXPECT_EQ(fmt::format("{:.6f}", scored.perplexity), "85.943155");
    EXPECT_EQ(scored.logits_sha256, "b23d82b10090625de946d6c275244e5b1a9316f62c9ac819bb71b84f2862dbe8");
  }
}

// What each schedule must have been, beside its result.
struct Expectation {
  const char* schedule;
  bool (*happened)(const Witness& w, std::int64_t tokens);
};
constexpr Expectation kSchedules[] = {
    {"whole",
     [](const Witness& w, std::int64_t tokens) { return w.steps == 1 && w.most_own_rows == tokens; }},
    {"chunk:7", [](const Witness& w, std::int64_t tokens) { return w.steps == (tokens + 6) / 7; }},
    {"decode", [](const Witness& w, std::int64_t tokens) { return w.steps == tokens; }},
    {"crowd:24", [](const Witness& w, std::int64_t) { return w.most_sequences > 8; }},
    {"prefix:129", [](const Witness& w, std::int64_t) { return w.cached_tokens == 129; }},
    {"preempt", [](const Witness& w, std::int64_t) { return w.preemptions > 0; }},
};

TEST(Storyteller, SaysTheSameUnderEverySchedule) {
  auto loaded = load("auto");
  std::string text = std::string(kText) + std::string(kRest);
  std::int64_t member = 0;
  for (const Expectation& expected : kSchedules) {
    if (!kept(member++)) continue;
    SCOPED_TRACE(expected.schedule);
    Score scored = score(*loaded, text, expected.schedule);
    EXPECT_EQ(scored.logits_sha256, "011387b1fdfb2e98c340e99d2cd24416837f22f460babc80cec2c74704da9c84");
    EXPECT_EQ(fmt::format("{:.6f}", scored.perplexity), "28.414170");
    EXPECT_TRUE(expected.happened(scored.witness, scored.tokens));
  }
}

}  // namespace
}  // namespace verbatim
