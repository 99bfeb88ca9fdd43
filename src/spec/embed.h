// embed: the residual stream's first value, a row of the embedding matrix.
//
// Meaning   y[i] = q[i] * scale
// Shapes    q (dim), scale of row `token` -> y (dim) float32
// Rounding  R1  the product (f32(q) is exact)
#pragma once

#include <cstdint>

namespace verbatim::spec {

inline void embed(const std::int16_t* q, float scale, std::int64_t dim, float* y) {
  for (std::int64_t i = 0; i < dim; ++i) y[i] = static_cast<float>(q[i]) * scale;
}

}  // namespace verbatim::spec
