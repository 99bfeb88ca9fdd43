#include "model/bind.h"

namespace verbatim {
namespace {

Result<const PackedMatrix*> find_matrix(const ModelWeights& weights, const TensorSpec& spec) {
  const PackedMatrix* found = weights.matrix(spec.name);
  if (found == nullptr) return fail("tensor '{}' is missing", spec.name);
  if (found->n != spec.rows || found->k != spec.columns) {
    return fail("tensor '{}' has shape {} x {}, expected {} x {}", spec.name, found->n, found->k, spec.rows,
                spec.columns);
  }
  return found;
}

Result<const float*> find_vector(const ModelWeights& weights, const TensorSpec& spec) {
  std::span<const float> found = weights.vector(spec.name);
  if (found.empty()) return fail("tensor '{}' is missing", spec.name);
  if (std::ssize(found) != spec.columns) {
    return fail("tensor '{}' has {} elements, expected {}", spec.name, found.size(), spec.columns);
  }
  return found.data();
}

// Puts a tensor where its rule says.
struct Binder {
  const ModelWeights& weights;
  const TensorSpec spec;
  LayerWeights& layer;

  template <class T>
  Status put(Result<T> found, T& to) const {
    if (!found) return found.error();
    to = *found;
    return {};
  }
  Status operator()(std::monostate) const { return {}; }
  Status operator()(Projection LayerWeights::*to) const {
    return spec.vector ? put(find_vector(weights, spec), (layer.*to).bias)
                       : put(find_matrix(weights, spec), (layer.*to).w);
  }
  Status operator()(Norm LayerWeights::*to) const {
    return put(find_vector(weights, spec), (layer.*to).gain);
  }
  Status operator()(const float* LayerWeights::*to) const {
    return put(find_vector(weights, spec), layer.*to);
  }
};

}  // namespace

Result<BoundWeights> bind_weights(const Architecture& architecture, const ModelConfig& config,
                                  ModelWeights weights) {
  BoundWeights out;
  out.all = std::move(weights);
  auto embedding = find_matrix(out.all, spec_of(kEmbedding, kNoLayer, config));
  if (!embedding) return embedding.error();
  auto output = config.tied_embeddings ? embedding : find_matrix(out.all, spec_of(kOutput, kNoLayer, config));
  if (!output) return output.error();
  auto norm = find_vector(out.all, spec_of(kOutputNorm, kNoLayer, config));
  if (!norm) return norm.error();
  out.embedding = *embedding;
  out.output = *output;
  out.output_norm = *norm;

  out.layers.resize(static_cast<std::size_t>(config.layers));
  for (std::int64_t index = 0; index < config.layers; ++index) {
    LayerWeights& layer = out.layers[static_cast<std::size_t>(index)];
    for (const TensorRule& rule : architecture.tensors) {
      Binder binder{out.all, spec_of(rule, index, config), layer};
      if (Status bound = std::visit(binder, rule.to); !bound) return bound.error();
    }
  }
  return out;
}

}  // namespace verbatim
