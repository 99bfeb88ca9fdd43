// ModelConfig: the numbers that define a transformer of the Llama family, in the literature's names.
//
// load/config_text.h prints what differs from a default, and only that: fingerprints and caches are made of it. So a default
// never changes, and what a new family needs is a field whose default is what all models had before it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "spec/rope.h"

namespace verbatim {

// How the two members of a rotated pair lie in a head of dimension d.
enum class RopeLayout : std::uint8_t {
  interleaved,  // (x[2i], x[2i+1]): GGUF files of Llama models
  halves,       // (x[i], x[i+d/2]): Hugging Face weights, GGUF files of Qwen models
};

struct ModelConfig {
  std::string architecture;  // the name of one (model/architecture.h); Mistral is llama with a sliding window
  std::int64_t layers = 0;
  std::int64_t dim = 0;         // residual width
  std::int64_t hidden_dim = 0;  // feed-forward width
  std::int64_t heads = 0, kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t vocab_size = 0;
  std::int64_t context_length = 0;
  std::int64_t sliding_window = 0;  // 0: none; else a query at p sees positions p - window + 1 .. p
  float norm_epsilon = 1e-5f;
  double rope_theta = 10000;
  std::int64_t rope_dim = 0;  // rotated dimensions of a head (== head_dim in the supported models)
  RopeLayout rope_layout = RopeLayout::halves;
  spec::RopeScaling rope_scaling;
  bool tied_embeddings = false;  // no output.weight: the embedding is the output matrix

  // What layers differ in, by layer; empty where they do not differ.
  std::vector<bool> rotated_layers;  // whether queries and keys are rotated; empty: in every layer

  bool rotates(std::int64_t layer) const {
    return rotated_layers.empty() || rotated_layers[static_cast<std::size_t>(layer)];
  }
};

// Whether the numbers make a transformer that can run: all positive and of sane size, heads % kv_heads == 0,
// ... where: begins the sentence, e.g. the path.
Status check_config(const ModelConfig& config, std::string_view where);

}  // namespace verbatim
