// TinyModel: a transformer of any supported architecture with seeded random weights, built in memory through
// the same steps as a file: checkpoint -> integers -> model. Small enough for thousands of positions a
// second, large enough to have grouped heads, padded panels and several KV pages.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "backend/list.h"
#include "load/dequantise.h"
#include "load/encode.h"
#include "load/requantise.h"
#include "model/architecture.h"
#include "model/model.h"
#include "remote_backend.h"

namespace verbatim {

struct TinyShape {
  std::string architecture = "llama";
  std::int64_t sliding_window = 0;
  WeightPolicy weights = WeightPolicy::i16;
  Width activations = Width::bits16, kv = Width::bits16;
  DType type = DType::f32;  // of the matrices, as if of a file

  std::string name() const {
    return fmt::format("{}{} {} weights {} activations {} kv {}", architecture,
                       sliding_window > 0 ? fmt::format(" window {}", sliding_window) : "",
                       verbatim::name_of(type), verbatim::name_of(weights), bits_of(activations),
                       bits_of(kv));
  }
};

inline ModelConfig tiny_config(const TinyShape& shape) {
  ModelConfig config;
  config.architecture = shape.architecture;
  config.layers = shape.architecture == "smollm3" ? 4 : 2;  // the fourth is the first without positions
  // Quantised types have blocks of 32.
  const bool blocks = info_of(shape.type).block_elements > 1;
  config.dim = blocks ? 64 : 48;
  config.hidden_dim = blocks ? 96 : 80;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = config.rope_dim = blocks ? 16 : 12;
  config.vocab_size = 70;
  config.context_length = 700;
  config.sliding_window = shape.sliding_window;
  config.tied_embeddings = shape.architecture == "qwen2";
  return implied_by_gguf(config);
}

// Weights whose attention is sharp and whose logits are several units apart, so that a wrong key shows.
// Norm gains about 1.
inline PackedWeights tiny_weights(const TinyShape& shape) {
  Checkpoint checkpoint;
  checkpoint.path = "tiny";
  checkpoint.config = tiny_config(shape);
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 1);
  std::deque<std::vector<std::byte>> encoded;
  for (const TensorSpec& spec : expected_tensors(checkpoint.config)) {
    std::vector<float> values(static_cast<std::size_t>(spec.rows * spec.columns));
    bool gain = spec.name.find("norm") != std::string::npos;
    float deviation = spec.vector ? 0.2f : 1.5f / std::sqrt(static_cast<float>(spec.columns));
    for (float& value : values) value = (gain ? 1.0f : 0.0f) + deviation * normal(random);
    const DType type = spec.vector ? DType::f32 : shape.type;
    const std::int64_t bytes = row_bytes(type, spec.columns);
    std::vector<std::byte>& rows = encoded.emplace_back(static_cast<std::size_t>(spec.rows * bytes));
    for (std::int64_t row = 0; row < spec.rows; ++row)
      encode_row(type, values.data() + row * spec.columns, spec.columns, rows.data() + row * bytes);
    checkpoint.tensors[spec.name] = {spec.name, type, spec.rows, spec.columns, rows.data(), std::ssize(rows)};
  }
  ThreadPool pool(1);
  Result<PackedWeights> weights =
      requantise(checkpoint, {shape.weights, shape.activations == Width::bits8}, pool, {});
  EXPECT_TRUE(weights.ok()) << weights.error().message;
  return std::move(*weights);
}

// A model with a backend of its own.
struct TinyModel {
  TinyModel(const TinyShape& shape, const PackedWeights& weights, std::string_view backend_name, int threads)
      : backend(std::move(*make_test_backend(backend_name, threads))) {
    auto made = Model::create(tiny_config(shape), weights, {.activations = shape.activations, .kv = shape.kv},
                              *backend);
    EXPECT_TRUE(made.ok()) << made.error().message;
    model = std::move(*made);
  }

  std::unique_ptr<Backend> backend;
  std::unique_ptr<Model> model;
};

}  // namespace verbatim
