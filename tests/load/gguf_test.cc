#include "load/gguf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "load/config_text.h"
#include "load/gguf_model.h"
#include "test_files.h"

namespace verbatim {
namespace {

using testing::bytes_of;
using testing::read_file;
using testing::SmallModel;
using testing::TemporaryFolder;

// The vocabulary that is attached to small models here, so that cuts and flips meet every kind of value.
void add_vocabulary(GgufContent& content, std::int64_t size) {
  std::vector<std::string> tokens = {"<unk>"};
  std::vector<float> scores(static_cast<std::size_t>(size), -1);
  std::vector<std::int32_t> types(static_cast<std::size_t>(size), 1);
  types[0] = 2;
  while (static_cast<std::int64_t>(tokens.size()) < size) tokens.push_back(fmt::format("t{}", tokens.size()));
  content.metadata.insert(content.metadata.end(), {{"tokenizer.ggml.model", std::string("llama")},
                                                   {"tokenizer.ggml.tokens", tokens},
                                                   {"tokenizer.ggml.scores", scores},
                                                   {"tokenizer.ggml.token_type", types},
                                                   {"tokenizer.ggml.eos_token_id", std::uint32_t{1}},
                                                   {"tokenizer.ggml.add_bos_token", false}});
}

std::string small_file(const TemporaryFolder& folder) {
  SmallModel model("llama");
  GgufContent content = model.content();
  add_vocabulary(content, model.config.vocab_size);
  model.write(folder / "m.gguf", content);
  return read_file(folder / "m.gguf");
}

// Reads a copy that ends where the bytes end, so that an address sanitizer sees a read past it; touches
// every value.
Result<Checkpoint> read_whole_gguf(std::string_view text) {
  std::unique_ptr<std::byte[]> copy(new std::byte[text.size()]);
  std::memcpy(copy.get(), text.data(), text.size());
  Result<GgufFile> file = read_gguf({copy.get(), text.size()}, "m.gguf");
  if (!file) return file.error();
  Result<Checkpoint> checkpoint = gguf_checkpoint(*file);
  if (!checkpoint) return checkpoint;
  for (const auto& [name, tensor] : checkpoint->tensors) {
    std::vector<float> row(static_cast<std::size_t>(tensor.columns));
    for (std::int64_t r = 0; r < tensor.rows; ++r) tensor.read_row(r, row.data());
  }
  checkpoint->tensors.clear();  // they point into the copy
  return checkpoint;
}

// The vocabulary of small_file with one key replaced.
Result<Checkpoint> with_key(const std::string& key, GgufDatum value) {
  TemporaryFolder folder;
  SmallModel model("llama");
  GgufContent content = model.content();
  add_vocabulary(content, model.config.vocab_size);
  std::erase_if(content.metadata, [&](const auto& entry) { return entry.first == key; });
  content.metadata.emplace_back(key, std::move(value));
  model.write(folder / "m.gguf", content);
  return open_checkpoint(folder / "m.gguf");
}

TEST(Gguf, ATokenOfUndefinedTypeIsNormal) {
  std::vector<std::int32_t> types(20, 0);
  Result<Checkpoint> opened = with_key("tokenizer.ggml.token_type", types);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->tokenizer.types[7], TokenType::normal);
  types[7] = 7;
  opened = with_key("tokenizer.ggml.token_type", types);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("token 7 has the unknown type 7"), std::string::npos)
      << opened.error().message;
}

// By its spelling, though the file calls it an ordinary token and names another eos.
TEST(Gguf, AnEndOfTurnOfAnyTypeEndsAnAnswer) {
  std::vector<std::string> tokens = {"<unk>"};
  while (tokens.size() < 20) tokens.push_back(fmt::format("t{}", tokens.size()));
  tokens[9] = "<|im_end|>";
  Result<Checkpoint> opened = with_key("tokenizer.ggml.tokens", tokens);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->tokenizer.stop_ids, (std::vector<std::int32_t>{1, 9}));
}

TEST(Gguf, WriterAndReaderAgreeOnEveryValueType) {
  TemporaryFolder folder;
  GgufContent content;
  content.metadata = {{"flag", true},
                      {"u32", std::uint32_t{4'000'000'000}},
                      {"i32", std::int32_t{-5}},
                      {"f32", 1.5f},
                      {"u64", std::uint64_t{1} << 63},
                      {"i64", std::int64_t{-1} << 62},
                      {"f64", 0.1},
                      {"text", std::string("a\nb")},
                      {"empty", std::string()},
                      {"numbers", std::vector<std::int32_t>{1, -2, 3}},
                      {"reals", std::vector<float>{0.5f, -0.0f}},
                      {"texts", std::vector<std::string>{"", "x", "yz"}},
                      {"none", std::vector<std::string>{}}};
  ThreadPool pool(1);
  ASSERT_TRUE(write_gguf(folder / "v.gguf", content, {}, pool).ok());
  std::string text = read_file(folder / "v.gguf");
  Result<GgufFile> file = read_gguf(bytes_of(text), "v.gguf");
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->version, 3u);
  EXPECT_EQ(file->key_order.size(), content.metadata.size());
  EXPECT_EQ(file->find("flag")->as_bool(), true);
  EXPECT_EQ(file->find("u32")->as_integer(), 4'000'000'000);
  EXPECT_EQ(file->find("i32")->as_integer(), -5);
  EXPECT_EQ(file->find("f32")->as_float(), 1.5);
  EXPECT_EQ(file->find("u64")->as_integer(), std::nullopt);
  EXPECT_EQ(file->find("u64")->printable(), "9223372036854775808");
  EXPECT_EQ(file->find("i64")->as_integer(), std::int64_t{-1} << 62);
  EXPECT_EQ(file->find("f64")->as_float(), 0.1);
  EXPECT_EQ(file->find("text")->as_string(), "a\nb");
  EXPECT_EQ(file->find("empty")->as_string(), "");
  EXPECT_EQ(file->find("numbers")->as_integers(), (std::vector<std::int64_t>{1, -2, 3}));
  EXPECT_EQ(file->find("reals")->as_floats(), (std::vector<float>{0.5f, -0.0f}));
  EXPECT_EQ(file->find("texts")->as_strings(), (std::vector<std::string_view>{"", "x", "yz"}));
  EXPECT_EQ(file->find("none")->as_strings()->size(), 0u);
  EXPECT_EQ(file->find("text")->as_integer(), std::nullopt);
  EXPECT_EQ(file->find("flag")->as_integer(), std::nullopt);
  EXPECT_EQ(file->find("absent"), nullptr);
}

TEST(Gguf, EveryArchitectureOpensWithItsConfiguration) {
  for (const Architecture* architecture : architectures()) {
    for (bool tied : {false, true}) {
      TemporaryFolder folder;
      SmallModel model{std::string(architecture->name)};
      model.config.tied_embeddings = tied;
      model.write(folder / "m.gguf");
      Result<Checkpoint> opened = open_checkpoint(folder / "m.gguf");
      ASSERT_TRUE(opened.ok()) << opened.error().message;
      EXPECT_EQ(canonical_text(opened->config), canonical_text(model.config));
      EXPECT_EQ(opened->tensors.size(), expected_tensors(model.config).size());
      std::vector<float> row(32), expected = model.row("blk.0.attn_q.weight", 5, 32);
      opened->find("blk.0.attn_q.weight")->read_row(5, row.data());
      EXPECT_EQ(row, expected);
    }
  }
}

TEST(Gguf, RopeScaling) {
  struct Case {
    std::vector<std::pair<std::string, GgufDatum>> keys;
    spec::RopeScalingKind kind;
    double factor;
  };
  const Case cases[] = {
      {{}, spec::RopeScalingKind::none, 1},
      {{{"llama.rope.scaling.type", std::string("linear")}, {"llama.rope.scaling.factor", 4.0f}},
       spec::RopeScalingKind::linear,
       4},
      {{{"llama.rope.scale_linear", 2.0f}}, spec::RopeScalingKind::linear, 2},
      {{{"llama.rope.scaling.type", std::string("yarn")},
        {"llama.rope.scaling.factor", 8.0f},
        {"llama.rope.scaling.original_context_length", std::uint32_t{32}}},
       spec::RopeScalingKind::yarn,
       8},
  };
  for (const Case& c : cases) {
    TemporaryFolder folder;
    SmallModel model("llama");
    GgufContent content = model.content();
    content.metadata.insert(content.metadata.end(), c.keys.begin(), c.keys.end());
    model.write(folder / "m.gguf", content);
    Result<Checkpoint> opened = open_checkpoint(folder / "m.gguf");
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(opened->config.rope_scaling.kind, c.kind);
    EXPECT_EQ(opened->config.rope_scaling.factor, c.factor);
  }
}

TEST(Gguf, FrequencyFactorsBecomeConfiguration) {
  TemporaryFolder folder;
  SmallModel model("llama");
  model.edit = [](const std::string& name, std::int64_t, std::vector<float>& x) {
    if (name == "rope_freqs.weight") std::fill(x.begin(), x.end(), 2.0f);
  };
  GgufContent content = model.content();
  content.tensors.push_back({"rope_freqs.weight", DType::f32, 1, 8, true});
  model.write(folder / "m.gguf", content);
  Result<Checkpoint> opened = open_checkpoint(folder / "m.gguf");
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->config.rope_scaling.frequency_factors, std::vector<float>(8, 2.0f));
  EXPECT_EQ(opened->find("rope_freqs.weight"), nullptr);
}

// Sentences that a user will read: each names the file and the key or tensor.
TEST(Gguf, RefusesByName) {
  struct Case {
    const char* what;
    std::function<void(GgufContent&)> edit;
    std::string sentence;  // after the path
  };
  auto set = [](std::string key, GgufDatum value) {
    return [=](GgufContent& content) {
      for (auto& [name, datum] : content.metadata) {
        if (name == key) return void(datum = value);
      }
      content.metadata.emplace_back(key, value);
    };
  };
  const Case cases[] = {
      {"architecture", set("general.architecture", std::string("mamba")),
       "general.architecture 'mamba' is not supported (supported: llama, qwen2, qwen3, smollm3)"},
      {"type", set("llama.block_count", std::string("one")),
       "key 'llama.block_count' is one (string), not an integer"},
      {"experts", set("llama.expert_count", std::uint32_t{8}),
       "key 'llama.expert_count' = 8 is not supported"},
      {"heads", set("llama.attention.head_count_kv", std::uint32_t{3}),
       "2 heads cannot be shared evenly by 3 key-value heads"},
      {"zero", set("llama.attention.head_count", std::uint32_t{0}),
       "the number of heads (attention.head_count, num_attention_heads) is 0, not in [1, 16384]"},
      {"rope", set("llama.rope.scaling.type", std::string("longrope")),
       "llama.rope.scaling.type 'longrope' is not supported (supported: none, linear, yarn, and llama3 by "
       "rope_freqs.weight)"},
      {"partial", set("llama.rope.dimension_count", std::uint32_t{8}),
       "rotating 8 of 16 dimensions of a head (partial rotary) is not supported"},
      {"two widths", set("llama.feed_forward_length", std::vector<std::int32_t>{64, 32}),
       "key 'llama.feed_forward_length' differs between layers, or is empty: not supported"},
      {"long head", set("llama.attention.key_length", std::uint32_t{1026}),
       "the head dimension (attention.key_length, head_dim) is 1026, not in [1, 1024]"},
      {"rope base", set("llama.rope.freq_base", 1e-11),
       "the rope base (rope.freq_base, rope_theta) 1e-11 with its scaling (factor 1) turns a pair by "
       "177827941.0038923 a position, past 2^30 within the context length 64"},
      {"epsilon", set("llama.attention.layer_norm_rms_epsilon", 0.0f),
       "the norm epsilon (attention.layer_norm_rms_epsilon, rms_norm_eps) is 0"},
      {"missing",
       [](GgufContent& content) {
         std::erase_if(content.metadata, [](auto& kv) { return kv.first == "llama.block_count"; });
       },
       "key 'llama.block_count' is missing"},
      {"no tensor", [](GgufContent& content) { content.tensors.pop_back(), content.tensors.pop_back(); },
       "tensor 'output_norm.weight' is missing from this llama model"},
      {"extra tensor",
       [](GgufContent& content) {
         content.tensors.push_back({"blk.0.attn_q.bias", DType::f32, 1, 32, true});
       },
       "tensor 'blk.0.attn_q.bias' has no place in the architecture 'llama'"},
      {"shape", [](GgufContent& content) { content.tensors.back().rows = 21; },
       "tensor 'output.weight' has 21 rows of 32, but this model needs 20 rows of 32"},
      {"twice", [](GgufContent& content) { content.tensors.push_back(content.tensors.back()); },
       "tensor 'output.weight' occurs twice"},
      {"alignment", set("general.alignment", std::uint32_t{24}),
       "general.alignment is 24, not a power of two"},
      {"tokenizer", set("tokenizer.ggml.model", std::string("bert")),
       "key 'tokenizer.ggml.model' is 'bert', which is not supported (supported: llama, gpt2)"},
  };
  for (const Case& c : cases) {
    TemporaryFolder folder;
    SmallModel model("llama");
    GgufContent content = model.content();
    c.edit(content);
    model.write(folder / "m.gguf", content);
    Result<Checkpoint> opened = open_checkpoint(folder / "m.gguf");
    ASSERT_FALSE(opened.ok()) << c.what;
    EXPECT_EQ(opened.error().message, (folder / "m.gguf") + ": " + c.sentence) << c.what;
  }
}

TEST(Gguf, RefusesBrokenStructure) {
  auto message = [](std::string text) {
    Result<GgufFile> file = read_gguf(bytes_of(text), "x");
    return file.ok() ? std::string("ok") : file.error().message;
  };
  auto u32 = [](std::uint32_t v) { return std::string(reinterpret_cast<const char*>(&v), 4); };
  auto u64 = [](std::uint64_t v) { return std::string(reinterpret_cast<const char*>(&v), 8); };
  std::string magic = "GGUF";
  EXPECT_EQ(message("GGML"), "x: not a GGUF file: it does not begin with 'GGUF'");
  EXPECT_EQ(message(magic + u32(1) + u64(0) + u64(0)),
            "x: GGUF version 1 is not supported (supported: 2 and 3, little endian)");
  EXPECT_EQ(message(magic + u32(2) + u64(0) + u64(0)), "ok");
  EXPECT_EQ(message(magic + u32(3) + u64(0) + u64(1) + u64(~0ull)),
            "x: offset 32: a key needs 18446744073709551615 bytes, but the file has 0 left");
  EXPECT_EQ(message(magic + u32(3) + u64(0) + u64(1) + u64(1) + "k" + u32(13)),
            "x: offset 37: key 'k' has the unknown value type 13");
  // An array that claims 2^61 floats: its size in bytes overflows.
  EXPECT_EQ(
      message(magic + u32(3) + u64(0) + u64(1) + u64(1) + "k" + u32(9) + u32(6) + u64(1ull << 61)),
      "x: offset 49: key 'k' claims 2305843009213693952 elements of type f32, but the file has 0 bytes left");
  std::string flag = u64(1) + "k" + u32(7) + std::string(1, '\1');
  EXPECT_EQ(message(magic + u32(3) + u64(0) + u64(1) + flag), "ok");
  EXPECT_EQ(message(magic + u32(3) + u64(0) + u64(2) + flag + flag), "x: offset 52: key 'k' occurs twice");
  // A tensor whose dimensions multiply to 2^64.
  std::string name = u64(1) + "t";
  EXPECT_EQ(message(magic + u32(3) + u64(1) + u64(0) + name + u32(2) + u64(1ull << 32) + u64(1ull << 32) +
                    u32(0) + u64(0)),
            "x: offset 53: tensor 't' has the impossible size 4294967296 in dimension 1");
  EXPECT_EQ(message(magic + u32(3) + u64(1) + u64(0) + name + u32(1) + u64(31) + u32(8) + u64(0)),
            "x: offset 57: tensor 't' has rows of 31 elements, not a multiple of Q8_0's block of 32");
  // Arrays within arrays within ...
  std::string nested;
  for (int depth = 0; depth < 8; ++depth) nested += u32(9) + u64(1);
  EXPECT_NE(message(magic + u32(3) + u64(0) + u64(1) + u64(1) + "k" + u32(9) + nested + u32(0) + u64(0))
                .find("nests arrays too deep"),
            std::string::npos);
}

// A family with something of its own: layers without positions, which the file implies.
TEST(Gguf, SmolLM3) {
  struct Case {
    std::function<void(GgufContent&)> edit;
    std::string sentence;  // after the path; empty: the file opens
  };
  auto tensor = [](GgufContent& content, std::string_view name) {
    return std::ranges::find(content.tensors, name, &GgufTensor::name);
  };
  const Case cases[] = {
      {[](GgufContent&) {}, ""},
      {[&](GgufContent& c) { c.tensors.erase(tensor(c, "blk.3.attn_k.weight")); },
       "tensor 'blk.3.attn_k.weight' is missing from this smollm3 model"},
      {[&](GgufContent& c) { tensor(c, "blk.2.ffn_up.weight")->rows = 63; },
       "tensor 'blk.2.ffn_up.weight' has 63 rows of 32, but this model needs 64 rows of 32"},
      {[&](GgufContent& c) { tensor(c, "blk.1.attn_q.weight")->name = "blk.1.attn_qkv.weight"; },
       "tensor 'blk.1.attn_q.weight' is missing from this smollm3 model"},
      {[](GgufContent& c) {
         c.tensors.push_back({"blk.3.attn_q_norm.weight", DType::f32, 1, 16, true});
       },
       "tensor 'blk.3.attn_q_norm.weight' has no place in the architecture 'smollm3'"},
      {[](GgufContent& c) { c.metadata.emplace_back("smollm3.attention.sliding_window", std::uint32_t{16}); },
       "key 'smollm3.attention.sliding_window' asks for a sliding window, which is not supported"},
  };
  for (const Case& c : cases) {
    TemporaryFolder folder;
    SmallModel model("smollm3", 4);
    GgufContent content = model.content();
    c.edit(content);
    model.write(folder / "m.gguf", content);
    Result<Checkpoint> opened = open_checkpoint(folder / "m.gguf");
    ASSERT_EQ(opened.ok(), c.sentence.empty()) << c.sentence;
    if (opened.ok()) {
      EXPECT_EQ(opened->config.rotated_layers, (std::vector<bool>{true, true, true, false}));
    } else {
      EXPECT_EQ(opened.error().message, (folder / "m.gguf") + ": " + c.sentence);
    }
  }
}

// What is said of layers is part of a model's name; where nothing is said, nothing is printed.
TEST(ConfigText, PrintsWhichLayersAreRotated) {
  EXPECT_NE(canonical_text(SmallModel("smollm3", 5).config).find("\nrotated_layers=11101\n"),
            std::string::npos);
  EXPECT_EQ(canonical_text(SmallModel("smollm3", 3).config).find("rotated_layers"), std::string::npos);
  EXPECT_EQ(canonical_text(SmallModel("llama", 4).config).find("rotated_layers"), std::string::npos);
}

TEST(Gguf, EveryPrefixIsRefused) {
  TemporaryFolder folder;
  std::string text = small_file(folder);
  ASSERT_TRUE(read_whole_gguf(text).ok()) << read_whole_gguf(text).error().message;
  for (std::size_t size = 0; size < text.size(); ++size) {
    ASSERT_FALSE(read_whole_gguf(std::string_view(text).substr(0, size)).ok())
        << "cut to " << size << " of " << text.size();
  }
}

TEST(Gguf, FlippedBitsAreRefusedOrRead) {
  TemporaryFolder folder;
  std::string text = small_file(folder);
  Result<GgufFile> file = read_gguf(bytes_of(text), "m.gguf");
  ASSERT_TRUE(file.ok());
  int refused = 0;
  for (std::size_t at = 0; at < file->data_offset; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
      refused += read_whole_gguf(flipped).ok() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 1000);  // most of the header has one meaning only
}

}  // namespace
}  // namespace verbatim
