// rms_norm: y = x / sqrt(mean(x^2) + eps) * gain   (Zhang & Sennrich 2019)
//
// Shapes    x (dim), gain (dim) -> y (dim) float32
// Rounding  R1  ss = lanes64 of x*x by fma
//           R2  ss / dim
//           R3  + eps
//           R4  sqrt
//           R5  r = 1 / R4
//           R6  x[i] * r
//           R7  R6 * gain[i]
// Order     lanes64.h
// Gain      A model whose files hold w for a gain of (1 + w) has its gain made when it is loaded: f32(1 + w), one addition, and R7
//           sees nothing else. A norm without a gain is R1 to R6; a gain of ones gives the same bits.
#pragma once

#include <cmath>
#include <cstdint>

#include "spec/lanes64.h"

namespace verbatim::spec {

// sqrt is IEEE 754's correctly rounded squareRoot, one instruction everywhere.
// A sum that overflowed would give r = 0 and silence the row: it gives NaN,
// which the next quantisation reports.
constexpr float rms_reciprocal(float sum_of_squares, std::int64_t dim, float epsilon) {
  if (!std::isfinite(sum_of_squares)) return NAN;
  return 1.0f / std::sqrt(sum_of_squares / static_cast<float>(dim) + epsilon);
}

// The gain of a file that holds w = gain - 1.
inline float gain_about_one(float w) { return 1.0f + w; }

inline void rms_norm(const float* x, const float* gain, float epsilon, std::int64_t dim, float* y) {
  float r = rms_reciprocal(lanes64_sum_of_squares(x, dim), dim, epsilon);
  for (std::int64_t i = 0; i < dim; ++i) y[i] = (x[i] * r) * gain[i];
}

}  // namespace verbatim::spec
