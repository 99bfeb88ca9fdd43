#include "load/hugging_face.h"

#include <gtest/gtest.h>

#include "load/hf_config.h"
#include "load/hf_tokenizer.h"
#include "load/requantise.h"
#include "test_files.h"

namespace verbatim {
namespace {

using testing::SmallModel;
using testing::TemporaryFolder;
using testing::write_file;

Json config_of(const SmallModel& model, const std::string& model_type) {
  const ModelConfig& c = model.config;
  return {{"model_type", model_type},
          {"num_hidden_layers", c.layers},
          {"hidden_size", c.dim},
          {"intermediate_size", c.hidden_dim},
          {"num_attention_heads", c.heads},
          {"num_key_value_heads", c.kv_heads},
          {"vocab_size", c.vocab_size},
          {"max_position_embeddings", c.context_length},
          {"rms_norm_eps", c.norm_epsilon},
          {"rope_theta", c.rope_theta},
          {"tie_word_embeddings", c.tied_embeddings},
          {"hidden_act", "silu"}};
}

// A byte-level tokenizer.json in Llama 3's shape: "ab" is the only merge.
Json tokenizer_json() {
  return Json::parse(R"({
    "added_tokens": [{"id": 3, "content": "<s>", "special": true, "lstrip": false, "rstrip": true},
                     {"id": 4, "content": "<tool>", "special": false}],
    "normalizer": {"type": "NFC"},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}|\\s+"}, "behavior": "Isolated", "invert": false},
      {"type": "Digits", "individual_digits": true},
      {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]},
    "post_processor": {"type": "Sequence", "processors": [
      {"type": "ByteLevel", "add_prefix_space": false},
      {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                                {"Sequence": {"id": "A", "type_id": 0}}]}]},
    "model": {"type": "BPE", "ignore_merges": true, "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})");
}

// The model's tensors as one or two safetensors files of `type`, with an index when there are two.
void write_weights(const SmallModel& model, const TemporaryFolder& folder, int files,
                   DType type = DType::bf16) {
  std::vector<Json> headers(static_cast<std::size_t>(files), Json::object());
  std::vector<std::string> data(headers.size());
  Json map = Json::object();
  std::size_t n = 0;
  auto file_name = [&](std::size_t i) {
    return files == 1 ? std::string("model.safetensors") : fmt::format("model-{}.safetensors", i);
  };
  for (const TensorSpec& spec : expected_tensors(model.config)) {
    std::size_t to = n++ % headers.size(), begin = data[to].size();
    for (std::int64_t r = 0; r < spec.rows; ++r) {
      std::string row(static_cast<std::size_t>(row_bytes(type, spec.columns)), '\0');
      encode_row(type, model.row(spec.name, r, spec.columns).data(), spec.columns,
                 reinterpret_cast<std::byte*>(row.data()));
      data[to] += row;
    }
    Json shape = spec.vector ? Json::array({spec.columns}) : Json::array({spec.rows, spec.columns});
    headers[to][spec.hugging_face] = {
        {"dtype", name_of(type)}, {"shape", shape}, {"data_offsets", {begin, data[to].size()}}};
    map[spec.hugging_face] = file_name(to);
  }
  for (std::size_t i = 0; i < headers.size(); ++i) {
    std::string header = headers[i].dump();
    std::uint64_t size = header.size();
    write_file(folder / file_name(i),
               std::string(reinterpret_cast<const char*>(&size), 8) + header + data[i]);
  }
  if (files > 1) write_file(folder / "model.safetensors.index.json", Json{{"weight_map", map}}.dump());
}

void write_folder(const SmallModel& model, const TemporaryFolder& folder, const Json& config, int files = 1) {
  write_file(folder / "config.json", config.dump());
  write_file(folder / "tokenizer.json", tokenizer_json().dump());
  write_file(folder / "tokenizer_config.json",
             R"({"bos_token": {"content": "<s>"}, "eos_token": "<tool>", "chat_template": "T"})");
  write_file(folder / "generation_config.json", R"({"eos_token_id": [4, 3]})");
  write_weights(model, folder, files);
}

TEST(HuggingFace, FolderAndGgufHoldTheSameModel) {
  for (const Architecture* each : architectures()) {
    const std::string architecture(each->name);
    for (int files : {1, 2}) {
      TemporaryFolder folder, gguf_folder;
      SmallModel model(architecture);
      model.type = DType::bf16;
      model.edit = [](const std::string&, std::int64_t, std::vector<float>& x) {
        // Exact in BF16: vectors are F32 in the GGUF file.
        for (float& value : x) value = std::round(value * 128) / 128;
      };
      write_folder(model, folder, config_of(model, architecture), files);
      model.write(gguf_folder / "m.gguf");
      Result<Checkpoint> hf = open_checkpoint(folder.path()), gguf = open_checkpoint(gguf_folder / "m.gguf");
      ASSERT_TRUE(hf.ok()) << hf.error().message;
      ASSERT_TRUE(gguf.ok()) << gguf.error().message;
      EXPECT_EQ(hf->config.rope_layout, RopeLayout::halves);
      ASSERT_EQ(hf->tensors.size(), gguf->tensors.size());
      for (const auto& [name, tensor] : gguf->tensors) {
        const CheckpointTensor* other = hf->find(name);
        ASSERT_NE(other, nullptr) << name;
        ASSERT_EQ(other->rows, tensor.rows) << name;
        std::vector<float> a(static_cast<std::size_t>(tensor.columns)), b = a;
        for (std::int64_t r = 0; r < tensor.rows; ++r) {
          tensor.read_row(r, a.data());
          other->read_row(r, b.data());
          ASSERT_EQ(a, b) << name << " row " << r;
        }
      }
      ThreadPool pool(1);
      // Llama's Q and K rows are ordered differently: not by this test.
      hf->config.rope_layout = gguf->config.rope_layout;
      Result<PackedWeights> x = requantise(*hf, {WeightPolicy::automatic}, pool, {});
      Result<PackedWeights> y = requantise(*gguf, {WeightPolicy::automatic}, pool, {});
      ASSERT_TRUE(x.ok() && y.ok());
      EXPECT_EQ(x->fingerprint, y->fingerprint);
    }
  }
}

TEST(HuggingFace, TokenizerOfAFolder) {
  TemporaryFolder folder;
  SmallModel model("llama");
  write_folder(model, folder, config_of(model, "llama"));
  Result<Checkpoint> opened = open_checkpoint(folder.path());
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const TokenizerData& t = opened->tokenizer;
  EXPECT_EQ(t.kind, TokenizerKind::bpe);
  EXPECT_EQ(t.normalizer, "nfc");
  EXPECT_TRUE(t.ignore_merges);
  EXPECT_EQ(t.pre_regex, (std::vector<std::string>{R"(\p{N}{1,3}|\s+)", R"(\p{N})"}));
  ASSERT_EQ(t.tokens.size(), 20u);  // padded to the embedding
  EXPECT_EQ(t.tokens[2], "ab");
  EXPECT_EQ(t.types[3], TokenType::control);
  EXPECT_EQ(t.types[4], TokenType::user_defined);
  EXPECT_EQ(t.types[5], TokenType::unused);
  EXPECT_EQ(t.merges, (std::vector<std::pair<std::string, std::string>>{{"a", "b"}}));
  EXPECT_EQ(t.bos, 3);
  EXPECT_EQ(t.eos, 4);
  EXPECT_EQ(t.add_bos, true);
  EXPECT_EQ(t.stop_ids, (std::vector<std::int32_t>{4, 3}));
  EXPECT_EQ(t.chat_template, "T");
  ASSERT_EQ(t.added.size(), 2u);
  EXPECT_TRUE(t.added[0].special && t.added[0].rstrip && !t.added[0].lstrip);
  EXPECT_FALSE(t.added[1].special);

  // A pad or an unknown token that nothing stands for is passed over, and said.
  write_file(folder / "tokenizer_config.json", R"({"pad_token": "<x>", "unk_token": {"content": "<y>"}})");
  const TokenizerData passed = open_checkpoint(folder.path())->tokenizer;
  EXPECT_FALSE(passed.pad || passed.unk);
  ASSERT_EQ(passed.notes.size(), 2u);
  EXPECT_TRUE(
      passed.notes[0].ends_with("/tokenizer_config.json: unk_token '<y>' is not in the vocabulary of "
                                "tokenizer.json, and is passed over"));

  write_file(folder / "chat_template.jinja", "J");
  EXPECT_EQ(open_checkpoint(folder.path())->tokenizer.chat_template, "J");
}

TEST(HuggingFace, RefusesFoldersByFile) {
  struct Case {
    const char* what;
    std::function<void(const TemporaryFolder&)> edit;
    std::string sentence;
  };
  auto remove = [](const char* name) {
    return [=](const TemporaryFolder& f) { std::filesystem::remove(f / name); };
  };
  auto write = [](const char* name, const char* text) {
    return [=](const TemporaryFolder& f) { write_file(f / name, text); };
  };
  const Case cases[] = {
      {"weights", remove("model.safetensors"),
       ": has neither model.safetensors nor model.safetensors.index.json"},
      {"tokenizer", remove("tokenizer.json"),
       ": has no tokenizer.json (tokenizer.model alone is not supported)"},
      {"syntax", write("generation_config.json", "{"), "/generation_config.json: "},
      {"stop", write("generation_config.json", R"({"eos_token_id": 99})"),
       "/generation_config.json: key 'eos_token_id' holds 99, which is not the id of a token"},
      {"bos", write("tokenizer_config.json", R"({"bos_token": "<x>"})"),
       "/tokenizer_config.json: key 'bos_token' is not in the vocabulary of tokenizer.json"},
      {"shards",
       [](const TemporaryFolder& f) {
         std::filesystem::remove(f / "model.safetensors");
         write_file(f / "model.safetensors.index.json", R"({"weight_map": {"a": "../b"}})");
       },
       "/model.safetensors.index.json: key 'weight_map.a' is \"../b\", not the name of a file in this "
       "folder"},
  };
  for (const Case& c : cases) {
    TemporaryFolder folder;
    SmallModel model("llama");
    write_folder(model, folder, config_of(model, "llama"));
    c.edit(folder);
    Result<Checkpoint> opened = open_checkpoint(folder.path());
    ASSERT_FALSE(opened.ok()) << c.what;
    EXPECT_TRUE(opened.error().message.starts_with(folder.path() + c.sentence)) << opened.error().message;
  }
}

// Under the names that the file has, but for one that is not there.
TEST(HuggingFace, RefusesTensorsByName) {
  SmallModel narrow("smollm3", 4), other("qwen3", 4);
  narrow.config.hidden_dim = 63;
  struct Case {
    SmallModel weights;
    std::int64_t layers;  // that config.json states
    std::string sentence;
  };
  const Case cases[] = {
      {other, 4,
       "/model.safetensors: tensor 'model.layers.0.self_attn.k_norm.weight' has no place in the architecture "
       "'smollm3'"},
      {SmallModel("smollm3", 4), 3,
       "/model.safetensors: tensor 'model.layers.3.input_layernorm.weight' has no place in the architecture "
       "'smollm3'"},
      {SmallModel("smollm3", 4), 5, ": tensor 'blk.4.attn_norm.weight' is missing from this smollm3 model"},
      {narrow, 4, ": tensor 'blk.0.ffn_gate.weight' has 63 rows of 32, but this model needs 64 rows of 32"},
  };
  for (const Case& c : cases) {
    TemporaryFolder folder;
    write_folder(c.weights, folder, config_of(SmallModel("smollm3", c.layers), "smollm3"));
    Result<Checkpoint> opened = open_checkpoint(folder.path());
    ASSERT_FALSE(opened.ok()) << c.sentence;
    EXPECT_EQ(opened.error().message, folder.path() + c.sentence);
  }
}

TEST(HfConfig, Windows) {
  struct Case {
    std::string model_type;
    Json keys;
    std::int64_t window;  // -1: refused
  };
  const Case cases[] = {
      {"mistral", {{"sliding_window", 16}}, 16},
      {"mistral", {{"sliding_window", nullptr}}, 0},
      {"mistral", Json::object(), 4096},
      {"llama", {{"sliding_window", 16}}, -1},
      {"qwen2", {{"sliding_window", 16}, {"use_sliding_window", false}, {"max_window_layers", 0}}, 0},
      {"qwen2", {{"sliding_window", 16}, {"use_sliding_window", true}, {"max_window_layers", 1}}, 0},
      {"qwen2", {{"sliding_window", 16}, {"use_sliding_window", true}, {"max_window_layers", 0}}, 16},
      {"qwen2",
       {{"num_hidden_layers", 2},
        {"sliding_window", 16},
        {"use_sliding_window", true},
        {"max_window_layers", 1}},
       -1},
      {"qwen3",
       {{"num_hidden_layers", 2},
        {"sliding_window", 16},
        {"use_sliding_window", true},
        {"layer_types", {"full_attention", "sliding_attention"}}},
       -1},
  };
  for (const Case& c : cases) {
    Json config = config_of(SmallModel("llama"), c.model_type);
    config.update(c.keys);
    Result<ModelConfig> read = hugging_face_config(config, "config.json");
    ASSERT_EQ(read.ok(), c.window >= 0) << config.dump();
    if (read.ok()) {
      EXPECT_EQ(read->sliding_window, c.window) << config.dump();
    } else {
      EXPECT_TRUE(read.error().message.starts_with("config.json: key 'sliding_window' "))
          << read.error().message;
    }
  }
}

// Layers are rotated where the list holds 1.
TEST(HfConfig, LayersWithoutPositions) {
  using Layers = std::vector<bool>;
  struct Case {
    Json keys;
    Layers rotated;  // of 5 layers; empty: all
  };
  const Case cases[] = {
      {Json::object(), {true, true, true, false, true}},
      {{{"no_rope_layers", nullptr}, {"no_rope_layer_interval", 2}}, {true, false, true, false, true}},
      {{{"no_rope_layers", {0, 1, 1, 1, 0}}, {"no_rope_layer_interval", 2}},
       {false, true, true, true, false}},
      {{{"no_rope_layer_interval", 1}}, Layers(5, false)},
      {{{"no_rope_layer_interval", 6}}, {}},
      {{{"no_rope_layers", {1, 1, 1, 1, 1}}, {"sliding_window", 16}, {"use_sliding_window", false}}, {}},
  };
  const SmallModel model("smollm3", 5);
  for (const Case& c : cases) {
    Json config = config_of(model, "smollm3");
    config.update(c.keys);
    config.erase("rope_theta");
    config.erase("tie_word_embeddings");
    Result<ModelConfig> read = hugging_face_config(config, "c");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->rotated_layers, c.rotated) << config.dump();
    EXPECT_EQ(read->rope_theta, 2000000);  // of the class that reads such a config.json
    EXPECT_TRUE(read->tied_embeddings);
  }
  const std::pair<Json, std::string> refused[] = {
      {{{"no_rope_layers", {1, 1, 1, 0}}}, "c: key 'no_rope_layers' holds 4 numbers for 5 layers"},
      {{{"no_rope_layers", {1, 1, 1, 0, 2}}}, "c: key 'no_rope_layers' holds 2, neither 0 nor 1"},
      {{{"no_rope_layers", {1, 1, 1, 0, "1"}}},
       "c: key 'no_rope_layers' holds more than integers: \"1\" is no integer of 64 bits"},
      {{{"no_rope_layers", "1110"}}, "c: key 'no_rope_layers' is \"1110\", not an array"},
      {{{"no_rope_layer_interval", 0}}, "c: key 'no_rope_layer_interval' is 0, less than 1"},
      {{{"use_sliding_window", true}, {"sliding_window", 16}},
       "c: key 'use_sliding_window' asks for a sliding window, which is not supported"},
  };
  for (const auto& [keys, sentence] : refused) {
    Json config = config_of(model, "smollm3");
    config.update(keys);
    Result<ModelConfig> read = hugging_face_config(config, "c");
    ASSERT_FALSE(read.ok()) << sentence;
    EXPECT_EQ(read.error().message, sentence);
  }
}

TEST(HfConfig, RopeScalingOfBothVersions) {
  Json config = config_of(SmallModel("llama"), "llama");
  config["rope_theta"] = 500000.0;
  config["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", 8.0},
                            {"low_freq_factor", 1.0},
                            {"high_freq_factor", 4.0},
                            {"original_max_position_embeddings", 8192}};
  Result<ModelConfig> four = hugging_face_config(config, "c");
  ASSERT_TRUE(four.ok()) << four.error().message;
  EXPECT_EQ(four->rope_theta, 500000);
  EXPECT_EQ(four->rope_scaling.kind, spec::RopeScalingKind::llama3);
  EXPECT_EQ(four->rope_scaling.factor, 8);
  EXPECT_EQ(four->rope_scaling.original_context, 8192);

  config["rope_parameters"] = config["rope_scaling"];
  config["rope_parameters"]["rope_theta"] = 500000.0;
  config.erase("rope_scaling");
  config.erase("rope_theta");
  Result<ModelConfig> five = hugging_face_config(config, "c");
  ASSERT_TRUE(five.ok()) << five.error().message;
  EXPECT_EQ(five->rope_theta, 500000);
  EXPECT_EQ(five->rope_scaling.kind, spec::RopeScalingKind::llama3);

  config["rope_parameters"] = {{"type", "yarn"}, {"factor", 4.0}, {"attention_factor", 1.25}};
  Result<ModelConfig> yarn = hugging_face_config(config, "c");
  ASSERT_TRUE(yarn.ok()) << yarn.error().message;
  EXPECT_EQ(yarn->rope_scaling.kind, spec::RopeScalingKind::yarn);
  EXPECT_EQ(yarn->rope_scaling.original_context, 64);
  EXPECT_EQ(yarn->rope_scaling.attention_factor, 1.25);
}

TEST(HfConfig, RefusesByKey) {
  struct Case {
    std::string key;
    Json value;
    std::string sentence;
  };
  const Case cases[] = {
      {"model_type", "gemma2",
       "c: model_type 'gemma2' is not supported (supported: llama, mistral, qwen2, qwen3, smollm3)"},
      {"hidden_act", "gelu", "c: key 'hidden_act' is \"gelu\", which is not supported (supported: \"silu\")"},
      {"attention_bias", true, "c: key 'attention_bias' is true, which is not supported (supported: false)"},
      {"mlp_bias", true, "c: key 'mlp_bias' is true, which is not supported (supported: false)"},
      {"partial_rotary_factor", 0.5,
       "c: key 'partial_rotary_factor' is 0.5, which is not supported (supported: 1.0)"},
      {"quantization_config", Json::object(),
       "c: key 'quantization_config' is present: quantised Hugging Face weights are not supported"},
      {"rope_scaling",
       {{"type", "dynamic"}, {"factor", 2}},
       "c: key 'rope_scaling.rope_type' is 'dynamic', which is not supported (supported: default, linear, "
       "llama3, yarn)"},
      {"rope_scaling", {{"type", "linear"}}, "c: key 'rope_scaling.factor' is missing"},
      {"hidden_size", "64", "c: key 'hidden_size' is \"64\", not an integer"},
      {"num_attention_heads", nullptr, "c: key 'num_attention_heads' is missing"},
      {"rms_norm_eps", -1, "c: the norm epsilon (attention.layer_norm_rms_epsilon, rms_norm_eps) is -1"},
      {"head_dim", 15,
       "c: the head dimension (attention.key_length, head_dim) 15 is odd: it cannot be rotated"},
  };
  for (const Case& c : cases) {
    Json config = config_of(SmallModel("llama"), "llama");
    config[c.key] = c.value;
    Result<ModelConfig> read = hugging_face_config(config, "c");
    ASSERT_FALSE(read.ok()) << c.key;
    EXPECT_EQ(read.error().message, c.sentence);
  }
}

TEST(TokenizerJson, SentencePieceStyle) {
  Json json = Json::parse(R"({
    "added_tokens": [{"id": 0, "content": "<unk>", "special": true}],
    "normalizer": {"type": "Sequence", "normalizers": [
      {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
    "pre_tokenizer": null,
    "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "b"}}]},
    "model": {"type": "BPE", "byte_fallback": true, "unk_token": "<unk>", "fuse_unk": true,
              "vocab": {"<unk>": 0, "<0x0A>": 1, "a": 2, "b": 3, "ab": 4}, "merges": [["a", "b"]]}})");
  Result<TokenizerData> read = read_tokenizer_json(json, "t");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->kind, TokenizerKind::spm);
  EXPECT_TRUE(read->add_space_prefix);
  EXPECT_FALSE(read->space_prefix_unless_present);
  EXPECT_EQ(read->types[1], TokenType::byte);
  EXPECT_EQ(read->unk, 0);
  EXPECT_EQ(read->add_bos, false);
  EXPECT_TRUE(read->add_eos);
  EXPECT_EQ(read->eos, 3);
  EXPECT_EQ(read->merges.size(), 1u);

  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "first"}, {"split", false}};
  read = read_tokenizer_json(json, "t");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_TRUE(read->add_space_prefix && read->space_prefix_first_only && read->space_prefix_unless_present);
}

TEST(TokenizerJson, ByteLevelOwnRegexAndNone) {
  Json json = tokenizer_json();
  json["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}};
  Result<TokenizerData> read = read_tokenizer_json(json, "t");
  ASSERT_TRUE(read.ok()) << read.error().message;
  ASSERT_EQ(read->pre_regex.size(), 1u);
  EXPECT_TRUE(read->pre_regex[0].starts_with("'s|'t|'re"));
  json["pre_tokenizer"]["use_regex"] = false;
  read = read_tokenizer_json(json, "t");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_TRUE(read->pre_regex.empty());
  EXPECT_EQ(read->pre_tokenizer, "none");
}

TEST(TokenizerJson, RefusesByKey) {
  struct Case {
    Json::json_pointer at;
    Json value;
    std::string sentence;
  };
  using Pointer = Json::json_pointer;
  const Case cases[] = {
      {Pointer("/model/type"), "Unigram",
       "t: key 'model.type' is 'Unigram', which is not supported (supported: BPE)"},
      {Pointer("/model/dropout"), 0.1, "t: key 'model.dropout' is not supported"},
      {Pointer("/model/end_of_word_suffix"), "</w>", "t: key 'model.end_of_word_suffix' is not supported"},
      {Pointer("/model/vocab/c"), 1, "t: key 'model.vocab' gives the id 1 to two tokens"},
      {Pointer("/model/vocab/c"), -1, "t: key 'model.vocab' gives a token the id -1"},
      {Pointer("/model/vocab/c"), 1 << 30, "t: key 'model.vocab' gives a token the id 1073741824"},
      {Pointer("/model/merges/0"), "ab", "t: key 'model.merges' has an element that is not a pair"},
      {Pointer("/normalizer/type"), "Lowercase",
       "t: key 'normalizer.type' is 'Lowercase', which is not supported"},
      {Pointer("/pre_tokenizer/pretokenizers/0/behavior"), "Removed",
       "t: key 'pretokenizers[0].behavior' is 'Removed', which is not supported"},
      {Pointer("/pre_tokenizer/pretokenizers/2/add_prefix_space"), true,
       "t: key 'pretokenizers[2].add_prefix_space' is true, which is not supported"},
      {Pointer("/pre_tokenizer/pretokenizers/1/type"), "Whitespace",
       "t: key 'pretokenizers[1].type' is 'Whitespace', which is not supported"},
      {Pointer("/added_tokens/0/single_word"), true,
       "t: key 'added_tokens[0].single_word' is true, which is not supported"},
      {Pointer("/added_tokens/0/id"), 2, "t: key 'added_tokens[0].id' gives the id 2 to two tokens"},
      {Pointer("/post_processor/processors/1/single/0/SpecialToken/id"), "<none>",
       "t: key 'processors[1].single' names a special token that is not in the vocabulary"},
      {Pointer("/pre_tokenizer"), nullptr,
       "t: key 'model.byte_fallback' and the pre-tokenizer are neither byte-level BPE nor "
       "SentencePiece-style BPE"},
  };
  for (const Case& c : cases) {
    Json json = tokenizer_json();
    json[c.at] = c.value;
    Result<TokenizerData> read = read_tokenizer_json(json, "t");
    ASSERT_FALSE(read.ok()) << c.at;
    EXPECT_EQ(read.error().message, c.sentence);
  }
}

}  // namespace
}  // namespace verbatim
