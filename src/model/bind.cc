#include "model/bind.h"

namespace verbatim {
namespace {

// Finds tensors by what they must be, and places them where they are asked for first: a tied embedding is there once.
class Placer {
 public:
  Placer(const ModelWeights& weights, Backend& backend, BoundWeights& to)
      : weights_(weights), backend_(backend), to_(to) {}

  Result<const PackedMatrix*> matrix(const TensorSpec& spec) {
    if (auto placed = to_.matrices.find(spec.name); placed != to_.matrices.end())
      return &placed->second.matrix;
    const PackedMatrix* found = weights_.matrix(spec.name);
    if (found == nullptr) return fail("tensor '{}' is missing", spec.name);
    if (found->n != spec.rows || found->k != spec.columns) {
      return fail("tensor '{}' has shape {} x {}, expected {} x {}", spec.name, found->n, found->k, spec.rows,
                  spec.columns);
    }
    return &to_.matrices.emplace(spec.name, backend_.place(*found, weights_.storage)).first->second.matrix;
  }

  Result<const float*> vector(const TensorSpec& spec) {
    std::span<const float> found = weights_.vector(spec.name);
    if (found.empty()) return fail("tensor '{}' is missing", spec.name);
    if (std::ssize(found) != spec.columns) {
      return fail("tensor '{}' has {} elements, expected {}", spec.name, found.size(), spec.columns);
    }
    return to_.vectors.emplace(spec.name, Array<float>(backend_.memory(), found)).first->second.data();
  }

 private:
  const ModelWeights& weights_;
  Backend& backend_;
  BoundWeights& to_;
};

// Puts a tensor where its rule says.
struct Binder {
  Placer& placer;
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
    return spec.vector ? put(placer.vector(spec), (layer.*to).bias) : put(placer.matrix(spec), (layer.*to).w);
  }
  Status operator()(Norm LayerWeights::*to) const { return put(placer.vector(spec), (layer.*to).gain); }
  Status operator()(const float* LayerWeights::*to) const { return put(placer.vector(spec), layer.*to); }
};

}  // namespace

Result<BoundWeights> bind_weights(const Architecture& architecture, const ModelConfig& config,
                                  const ModelWeights& weights, Backend& backend) {
  BoundWeights out;
  Placer placer(weights, backend, out);
  auto embedding = placer.matrix(spec_of(kEmbedding, kNoLayer, config));
  if (!embedding) return embedding.error();
  auto output = config.tied_embeddings ? embedding : placer.matrix(spec_of(kOutput, kNoLayer, config));
  if (!output) return output.error();
  auto norm = placer.vector(spec_of(kOutputNorm, kNoLayer, config));
  if (!norm) return norm.error();
  out.embedding = *embedding;
  out.output = *output;
  out.output_norm = *norm;

  out.layers.resize(static_cast<std::size_t>(config.layers));
  for (std::int64_t index = 0; index < config.layers; ++index) {
    LayerWeights& layer = out.layers[static_cast<std::size_t>(index)];
    for (const TensorRule& rule : architecture.tensors) {
      Binder binder{placer, spec_of(rule, index, config), layer};
      if (Status bound = std::visit(binder, rule.to); !bound) return bound.error();
    }
  }
  return out;
}

}  // namespace verbatim
