// verbatim convert's promise: the GGUF file that it writes opens as the same model. Each golden Hugging Face folder is
// written as F32 and must give the same logits, on bits, and the same vocabulary; a GGUF file with kept types must
// give the same bytes.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "builtin/builtin_models.h"
#include "engine/engine.h"
#include "engine/loaded_model.h"
#include "load/export_gguf.h"
#include "load/random_model.h"
#include "model/architecture.h"
#include "source_path.h"
#include "tokenizer/named_pre_tokenizers.h"

namespace verbatim {
namespace {

const std::string kGoldens = source_path("tests/model/golden/");
constexpr std::string_view kText = "There was once a king, 12345 of them: \"Ha!\"\n\n  they said.";

class ExportedGguf : public ::testing::Test {
 protected:
  ExportedGguf() {
    std::string name = (std::filesystem::temp_directory_path() / "verbatim-export-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~ExportedGguf() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  // As verbatim convert does it.
  static Status convert(const Checkpoint& from, const std::string& to, const GgufExport& how) {
    Checkpoint named = from;
    auto name = pre_tokenizer_name(from.tokenizer);
    if (!name) return name.error();
    named.tokenizer.pre_tokenizer = *name;
    named.tokenizer.pre_regex.clear();
    ThreadPool pool(2);
    return export_gguf(to, named, how, pool);
  }

 private:
  std::filesystem::path folder_;
};

class Rows final : public TokenSink {
 public:
  void on_logits(std::int64_t, std::int64_t, std::span<const float> row) override {
    auto bytes = std::as_bytes(row);
    bits.insert(bits.end(), bytes.begin(), bytes.end());
  }
  void on_token(const TokenEvent&) override {}
  void on_finish(const Finish& finish) override {
    EXPECT_EQ(finish.reason, FinishReason::length) << finish.message;
  }
  std::vector<std::byte> bits;
};

struct Reading {
  std::vector<std::int32_t> tokens;
  std::vector<std::byte> logits;
};

// The text's tokens and the logits of all of them.
Reading read(const std::string& model) {
  ModelChoice choice;
  choice.path = model;
  choice.threads = 2;
  choice.load.weights.policy = WeightPolicy::i16;
  choice.load.use_cache = false;
  auto loaded = load_model(choice);
  EXPECT_TRUE(loaded.ok()) << loaded.error().message;
  Reading reading;
  reading.tokens = *(*loaded)->tokenizer->encode(kText, {true, true});
  auto engine = Engine::create(*(*loaded)->model, nullptr, {});
  GenerateRequest request;
  request.prompt = reading.tokens;
  request.max_tokens = 0;
  request.logits = true;
  Rows rows;
  EXPECT_TRUE((*engine)->submit(request, rows).ok());
  while (!(*engine)->idle()) (*engine)->step();
  reading.logits = std::move(rows.bits);
  return reading;
}

std::set<std::int32_t> set_of(const std::vector<std::int32_t>& ids) { return {ids.begin(), ids.end()}; }

// `written` states splitting by a name, and what its types imply is not listed again.
void expect_same_vocabulary(const TokenizerData& written, const TokenizerData& original) {
  EXPECT_EQ(written.kind, original.kind);
  EXPECT_EQ(written.tokens, original.tokens);
  EXPECT_EQ(written.types, original.types);
  EXPECT_EQ(written.scores, original.scores);
  EXPECT_EQ(written.merges, original.merges);
  EXPECT_EQ(written.pre_tokenizer, *pre_tokenizer_name(original));
  EXPECT_EQ(written.bos, original.bos);
  EXPECT_EQ(written.eos, original.eos);
  EXPECT_EQ(written.unk, original.unk);
  EXPECT_EQ(written.pad, original.pad);
  EXPECT_EQ(written.add_bos, original.add_bos);
  EXPECT_EQ(written.add_eos, original.add_eos);
  EXPECT_EQ(set_of(written.stop_ids), set_of(original.stop_ids));
  EXPECT_EQ(written.chat_template, original.chat_template);
}

TEST_F(ExportedGguf, OfAFolderGivesItsLogitsAndVocabulary) {
  std::size_t folders = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kGoldens)) {
    if (!entry.is_directory()) continue;
    std::string folder = entry.path().string(), name = entry.path().filename().string();
    SCOPED_TRACE(name);
    auto original = open_checkpoint(folder);
    ASSERT_TRUE(original.ok()) << original.error().message;
    Status written = convert(*original, path(name), {.type = DType::f32, .texts = {}});
    ASSERT_TRUE(written.ok()) << written.error().message;
    auto back = open_checkpoint(path(name));
    ASSERT_TRUE(back.ok()) << back.error().message;
    expect_same_vocabulary(back->tokenizer, original->tokenizer);

    Reading first = read(folder), second = read(path(name));
    EXPECT_EQ(second.tokens, first.tokens);
    EXPECT_GT(first.logits.size(), first.tokens.size() * 300 * sizeof(float));
    // GGUF states the frequencies of Llama 3.1's scaling as float32 factors: the same to 24 bits, not on bits.
    bool rounded = original->config.rope_scaling.kind == spec::RopeScalingKind::llama3;
    if (!rounded) {
      EXPECT_EQ(second.logits, first.logits);
    }
    ++folders;
  }
  EXPECT_EQ(folders, 10u);
}

TEST_F(ExportedGguf, WithKeptTypesHoldsTheSameBytes) {
  RandomModel random;
  ModelConfig& c = random.config;
  c.architecture = "llama";  // with a SentencePiece vocabulary
  c.layers = 1, c.dim = 64, c.hidden_dim = 96, c.heads = 4, c.kv_heads = 2, c.head_dim = c.rope_dim = 16;
  c.vocab_size = 400, c.context_length = 64;
  random.type = DType::q8_0;
  ThreadPool pool(1);
  ASSERT_TRUE(write_random_model(path("first"), random, pool).ok());
  auto first = open_checkpoint(path("first"));
  Status written = convert(*first, path("second"), {.type = {}, .texts = {{"general.name", "a copy"}}});
  ASSERT_TRUE(written.ok()) << written.error().message;
  auto second = open_checkpoint(path("second"));
  ASSERT_TRUE(second.ok()) << second.error().message;
  expect_same_vocabulary(second->tokenizer, first->tokenizer);
  ASSERT_EQ(second->tensors.size(), first->tensors.size());
  for (const auto& [name, tensor] : first->tensors) {
    const CheckpointTensor* other = second->find(name);
    ASSERT_NE(other, nullptr) << name;
    EXPECT_EQ(other->type, tensor.type);
    ASSERT_EQ(other->bytes, tensor.bytes);
    EXPECT_TRUE(std::equal(tensor.data, tensor.data + tensor.bytes, other->data)) << name;
  }
  EXPECT_TRUE(
      std::ranges::count(second->metadata, std::pair<std::string, std::string>("general.name", "a copy")));
}

TEST_F(ExportedGguf, StatesEveryTokenThatEndsAGeneration) {
  auto model = open_by_name("storyteller");
  model->tokenizer.stop_ids = {0, 7, 9, 4095};
  ASSERT_TRUE(convert(*model, path("stops"), {}).ok());
  EXPECT_EQ(open_checkpoint(path("stops"))->tokenizer.stop_ids, (std::vector<std::int32_t>{0, 7, 9, 4095}));
  model->tokenizer.stop_ids = {};
  ASSERT_TRUE(convert(*model, path("none"), {}).ok());
  EXPECT_TRUE(open_checkpoint(path("none"))->tokenizer.stop_ids.empty());
}

TEST_F(ExportedGguf, RefusesWhatTheFormatCannotState) {
  auto model = *open_by_name("storyteller");
  auto refusal = [&](auto change, const GgufExport& how = {}) {
    Checkpoint changed = model;
    change(changed);
    Status status = convert(changed, path("refused"), how);
    EXPECT_FALSE(std::filesystem::exists(path("refused")));
    return status.ok() ? "accepted" : status.error().message;
  };
  EXPECT_NE(refusal([](Checkpoint& c) { c.tokenizer.pre_regex = {"x+"}; }).find("no name"),
            std::string::npos);
  EXPECT_NE(refusal([](Checkpoint& c) {
              c.tokenizer.added = {{0, true, true, false}};
            }).find("swallows spaces"),
            std::string::npos);
  EXPECT_NE(refusal([](Checkpoint& c) { c.tokenizer.kind = TokenizerKind::spm; }).find("ranks merges"),
            std::string::npos);
  EXPECT_NE(
      refusal([](Checkpoint& c) { c.config.rope_scaling.attention_factor = 2; }).find("attention_factor"),
      std::string::npos);
  EXPECT_NE(refusal([](Checkpoint& c) {
              c.config.rotated_layers.assign(static_cast<std::size_t>(c.config.layers), false);
            }).find("no_rope_layers"),
            std::string::npos);
  EXPECT_NE(refusal([](Checkpoint&) {}, {.type = DType::q4_k, .texts = {}}).find("cannot be written"),
            std::string::npos);
}

}  // namespace
}  // namespace verbatim
