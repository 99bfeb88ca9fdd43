// ModelConfig: the numbers that define a transformer of the Llama family, in the literature's names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace verbatim {

// How the two members of a rotated pair lie in a head of dimension d.
enum class RopeLayout : std::uint8_t {
  interleaved,  // (x[2i], x[2i+1]): GGUF files of Llama models
  halves,       // (x[i], x[i+d/2]): Hugging Face weights, GGUF files of Qwen models
};

enum class RopeScalingKind : std::uint8_t { none, linear, llama3, yarn };

struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::none;
  double factor = 1;
  double original_context = 0;                       // llama3, yarn
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double beta_fast = 32, beta_slow = 1;              // yarn
  std::optional<double> attention_factor;            // yarn; when absent 0.1 ln(factor) + 1
  std::vector<float> frequency_factors;  // (d/2), from GGUF's rope_freqs.weight: each frequency is divided by its factor
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
  RopeScaling rope_scaling;
  bool tied_embeddings = false;  // no output.weight: the embedding is the output matrix
};

}  // namespace verbatim
