// The model architectures that are supported, and the tensors that each is made of:
// one table for every file format.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "load/checkpoint.h"
#include "load/model_config.h"

namespace verbatim {

struct Architecture {
  std::string_view name;   // GGUF's general.architecture
  RopeLayout gguf_layout;  // how GGUF files of this architecture order the rows of Q and K
  bool qkv_bias;           // attn_q.bias, attn_k.bias, attn_v.bias
  bool qk_norm;            // attn_q_norm.weight, attn_k_norm.weight: an RMS norm of each head
};

// nullptr: not supported
const Architecture* find_architecture(std::string_view name);
std::string supported_architectures();  // "llama, qwen2, qwen3"

struct TensorSpec {
  std::string name;
  std::int64_t rows = 0, columns = 0;
  bool vector = false;  // a norm's gain or a bias: rows == 1, kept in float32; else a matrix, rows outputs x
                        // columns inputs
};

// Every tensor of a model, in the order of the forward pass; output.weight is absent when embeddings are
// tied. REQUIRES: config.architecture is supported
std::vector<TensorSpec> expected_tensors(const ModelConfig& config);

// Whether the numbers make a transformer that can run: all positive and of sane size, heads % kv_heads == 0,
// ... where: begins the sentence, e.g. the path.
Status check_config(const ModelConfig& config, std::string_view where);

// Whether the tensors are exactly those of expected_tensors, by name and shape; nothing is silently left out.
Status check_tensors(const Checkpoint& checkpoint);

}  // namespace verbatim
