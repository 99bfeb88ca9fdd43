// embed: the residual stream's first value, a row of the embedding matrix.
//
// Meaning   y[i] = q[i] * scale; of a rotated matrix (weights.h): y[i] = (H q)[i] * scale
// Shapes    q (dim), scale of row `token` -> y (dim) float32
// Rounding  R1  the product (f32(q) is exact, and so is its rotation: |(H q)[i]| <= 64 * 16319 < 2^24)
#pragma once

#include <cstdint>

#include "spec/hadamard.h"

namespace verbatim::spec {

// block: of the rotation; 1: none
inline void embed(const std::int16_t* q, float scale, std::int64_t dim, std::int64_t block, float* y) {
  for (std::int64_t i = 0; i < dim; ++i) y[i] = static_cast<float>(q[i]);
  hadamard(y, dim, block);
  for (std::int64_t i = 0; i < dim; ++i) y[i] = y[i] * scale;
}

}  // namespace verbatim::spec
