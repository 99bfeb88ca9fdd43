// The model and vocabulary files of the shared folder open, and say what they are known to say.
#include <gtest/gtest.h>

#include <filesystem>

#include "load/checkpoint.h"
#include "source_path.h"

namespace verbatim {
namespace {

std::string shared(const std::string& name) { return source_path("../shared/" + name); }

#define SKIP_WITHOUT(path) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent"

TEST(SharedFiles, Stories260K) {
  std::string path = shared("models/stories260K-f32.gguf");
  SKIP_WITHOUT(path);
  Result<Checkpoint> opened = open_checkpoint(path);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const ModelConfig& c = opened->config;
  EXPECT_EQ(opened->format, "GGUF v3");
  EXPECT_EQ(c.architecture, "llama");
  EXPECT_EQ(c.layers, 5);
  EXPECT_EQ(c.dim, 64);
  EXPECT_EQ(c.hidden_dim, 172);
  EXPECT_EQ(c.heads, 8);
  EXPECT_EQ(c.kv_heads, 4);
  EXPECT_EQ(c.head_dim, 8);
  EXPECT_EQ(c.vocab_size, 512);
  EXPECT_EQ(c.context_length, 512);
  EXPECT_EQ(c.norm_epsilon, 1e-5f);
  EXPECT_EQ(c.rope_layout, RopeLayout::interleaved);
  EXPECT_EQ(opened->tensors.size(), 47u);
  EXPECT_EQ(c.tied_embeddings, opened->find("output.weight") == nullptr);
  EXPECT_EQ(opened->tokenizer.kind, TokenizerKind::spm);
  EXPECT_FALSE(opened->tokenizer.add_bos.has_value());
  EXPECT_EQ(opened->tokenizer.unk, 0);
  EXPECT_EQ(opened->tokenizer.stop_ids, std::vector<std::int32_t>{2});
}

TEST(SharedFiles, Gpt2VocabularyHasNoModel) {
  std::string path = shared("tokenizers/ggml-vocab-gpt-2.gguf");
  SKIP_WITHOUT(path);
  Result<Checkpoint> opened = open_checkpoint(path);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->config.architecture, "");
  const TokenizerData& t = opened->tokenizer;
  EXPECT_EQ(t.kind, TokenizerKind::bpe);
  EXPECT_EQ(t.pre_tokenizer, "gpt-2");
  EXPECT_EQ(t.tokens.size(), 50257u);
  ASSERT_EQ(t.merges.size(), 50000u);
  EXPECT_EQ(t.merges[2], std::make_pair(std::string("h"), std::string("e")));
}

TEST(SharedFiles, LlamaVocabularyHasNoModel) {
  std::string path = shared("tokenizers/ggml-vocab-llama-spm.gguf");
  SKIP_WITHOUT(path);
  Result<Checkpoint> opened = open_checkpoint(path);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->config.architecture, "");
  EXPECT_EQ(opened->tokenizer.kind, TokenizerKind::spm);
  EXPECT_EQ(opened->tokenizer.tokens.size(), 32000u);
  EXPECT_EQ(opened->tokenizer.scores.size(), 32000u);
  EXPECT_EQ(opened->tokenizer.types[3], TokenType::byte);
}

}  // namespace
}  // namespace verbatim
