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
#include "load/architecture.h"
#include "load/requantise.h"
#include "model/model.h"

namespace verbatim {

struct TinyShape {
  std::string architecture = "llama";
  std::int64_t sliding_window = 0;
  WeightPolicy weights = WeightPolicy::i16;
  int activation_limbs = 2, kv_limbs = 2;

  std::string name() const {
    return fmt::format("{}{} weights {} activations {} kv {}", architecture,
                       sliding_window > 0 ? fmt::format(" window {}", sliding_window) : "", name_of(weights),
                       activation_limbs * 8, kv_limbs * 8);
  }
};

inline ModelConfig tiny_config(const TinyShape& shape) {
  const Architecture* architecture = find_architecture(shape.architecture);
  ModelConfig config;
  config.architecture = shape.architecture;
  config.layers = 2;
  config.dim = 48;
  config.hidden_dim = 80;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = config.rope_dim = 12;
  config.vocab_size = 70;
  config.context_length = 700;
  config.sliding_window = shape.sliding_window;
  config.rope_layout = architecture->gguf_layout;
  config.tied_embeddings = shape.architecture == "qwen2";
  return config;
}

// Weights whose attention is sharp and whose logits are several units apart, so that a wrong key shows.
// Norm gains about 1.
inline PackedWeights tiny_weights(const TinyShape& shape) {
  Checkpoint checkpoint;
  checkpoint.path = "tiny";
  checkpoint.config = tiny_config(shape);
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 1);
  std::deque<std::vector<float>> storage;
  for (const TensorSpec& spec : expected_tensors(checkpoint.config)) {
    std::vector<float>& values = storage.emplace_back(static_cast<std::size_t>(spec.rows * spec.columns));
    bool gain = spec.name.find("norm") != std::string::npos;
    float deviation = spec.vector ? 0.2f : 1.5f / std::sqrt(static_cast<float>(spec.columns));
    for (float& value : values) value = (gain ? 1.0f : 0.0f) + deviation * normal(random);
    checkpoint.tensors[spec.name] = {spec.name,
                                     DType::f32,
                                     spec.rows,
                                     spec.columns,
                                     reinterpret_cast<const std::byte*>(values.data()),
                                     static_cast<std::int64_t>(values.size() * sizeof(float))};
  }
  ThreadPool pool(1);
  Result<PackedWeights> weights = requantise(checkpoint, shape.weights, pool, {});
  EXPECT_TRUE(weights.ok()) << weights.error().message;
  return std::move(*weights);
}

// A model with a backend of its own.
struct TinyModel {
  TinyModel(const TinyShape& shape, const PackedWeights& weights, std::string_view backend_name, int threads)
      : backend(std::move(*make_backend(backend_name, threads))) {
    auto made =
        Model::create(tiny_config(shape), weights,
                      {.activation_limbs = shape.activation_limbs, .kv_limbs = shape.kv_limbs}, *backend);
    EXPECT_TRUE(made.ok()) << made.error().message;
    model = std::move(*made);
  }

  std::unique_ptr<Backend> backend;
  std::unique_ptr<Model> model;
};

}  // namespace verbatim
