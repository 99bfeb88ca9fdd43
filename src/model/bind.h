// bind_weights: weights by name -> the weights of each layer, on a backend, by the tensors that the architecture lists.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/architecture.h"
#include "model/weights.h"
#include "ops/ops.h"

namespace verbatim {

struct BoundWeights {
  BoundWeights() = default;
  BoundWeights(BoundWeights&&) = default;  // a copy would point into the original

  // Which the following point into.
  std::map<std::string, PlacedMatrix, std::less<>> matrices;
  std::map<std::string, Array<float>, std::less<>> vectors;
  const PackedMatrix* embedding = nullptr;
  const PackedMatrix* output = nullptr;  // the embedding, where it is tied
  const float* output_norm = nullptr;    // (dim)
  std::vector<LayerWeights> layers;
};

// Errors: a tensor that is missing or of another shape (named, with what was expected).
Result<BoundWeights> bind_weights(const Architecture& architecture, const ModelConfig& config,
                                  const ModelWeights& weights, Backend& backend);

}  // namespace verbatim
