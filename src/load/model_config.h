// ModelConfig: the numbers that define a transformer of the Llama family, in the literature's names.
#pragma once

#include <cstdint>
#include <string>

#include "spec/rope.h"

namespace verbatim {

// How the two members of a rotated pair lie in a head of dimension d.
enum class RopeLayout : std::uint8_t {
  interleaved,  // (x[2i], x[2i+1]): GGUF files of Llama models
  halves,       // (x[i], x[i+d/2]): Hugging Face weights, GGUF files of Qwen models
};

struct ModelConfig {
  std::string architecture;  // "llama", "qwen2", "qwen3"; Mistral is llama with a sliding window
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
};

}  // namespace verbatim
