// Architecture: a family of models, told once. Loaders, checks, binding and the forward pass read this description, and
// each family's stands in a file of its own (llama.cc, qwen3.cc, ...): docs/adding-a-model.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/keys.h"
#include "model/layer_weights.h"
#include "model/model_config.h"

namespace verbatim {

class Pass;

// A number of rows or columns, by what it counts.
enum class Extent : std::uint8_t {
  one,
  dim,
  hidden,      // hidden_dim
  queries,     // heads * head_dim
  keys,        // kv_heads * head_dim
  head,        // head_dim
  vocabulary,  // vocab_size
};

// One tensor of a layer (or of the model: expected_tensors).
struct TensorRule {
  std::string_view gguf;          // its name behind "blk.N."
  std::string_view hugging_face;  // its name behind "model.layers.N."
  Extent rows, columns;           // outputs x inputs; a norm's gain or a bias has one row
  // Where the layer finds it: a matrix or a bias in a projection, a gain in a norm or by itself.
  std::variant<std::monostate, Projection LayerWeights::*, Norm LayerWeights::*,
               const float * LayerWeights::*>
      to;
  bool rotated = false;  // its outputs are dimensions of heads, in the order that RopeLayout names
};

// How the sliding_window of a config.json is meant.
enum class WindowRule : std::uint8_t {
  none,       // a sliding_window is refused
  always,     // sliding_window holds for every layer
  if_enabled  // only with use_sliding_window, and only from layer max_window_layers on
};

// A model_type of config.json, and what its configuration class takes for keys that are absent.
struct ModelType {
  std::string_view name;
  WindowRule window = WindowRule::none;
  std::int64_t default_window = 0;  // 0: none
  double default_theta = 10000;
  bool default_tied = false;
};

struct Architecture {
  std::string_view name;  // GGUF's general.architecture
  std::span<const ModelType> model_types;
  RopeLayout gguf_layout;  // how GGUF files order the rows of rotated tensors; folders have halves
  std::span<const TensorRule> tensors;               // of each layer, in the order of the forward pass
  void (*layer)(Pass& pass, const LayerWeights& w);  // one layer, as a sequence of the operations of pass.h
  // Sets what is this family's own. The common keys have been read and pass check_config; what these keys add is checked
  // here. Without any key: what the family implies.
  void (*configure)(Keys& keys, ModelConfig& config) = nullptr;
};

std::span<const Architecture* const> architectures();
// nullptr: not supported
const Architecture* find_architecture(std::string_view name);
std::string supported_architectures();  // "llama, qwen2, ..."

// The configuration with what a GGUF file implies but has no key for: the order of rotated rows, which layers are rotated.
// REQUIRES: config.architecture is supported, and so of the next
ModelConfig implied_by_gguf(ModelConfig config);

struct TensorSpec {
  std::string name;  // GGUF's, which is ours
  std::int64_t rows = 0, columns = 0;
  bool vector = false;   // a norm's gain or a bias: rows == 1, kept in float32; else a matrix, rows outputs x
                         // columns inputs
  bool rotated = false;  // see TensorRule
  std::string hugging_face;  // its name in a folder
};

inline constexpr std::int64_t kNoLayer = -1;  // of tensors that the model has once
TensorSpec spec_of(const TensorRule& rule, std::int64_t layer, const ModelConfig& config);

// The tensors that the model has once, of every architecture.
inline constexpr TensorRule kEmbedding = {
    "token_embd.weight", "model.embed_tokens.weight", Extent::vocabulary, Extent::dim, {}};
inline constexpr TensorRule kOutputNorm = {
    "output_norm.weight", "model.norm.weight", Extent::one, Extent::dim, {}};
inline constexpr TensorRule kOutput = {
    "output.weight", "lm_head.weight", Extent::vocabulary, Extent::dim, {}};

// Every tensor of a model, in the order of the forward pass; output.weight is absent when embeddings are tied.
std::vector<TensorSpec> expected_tensors(const ModelConfig& config);

}  // namespace verbatim
