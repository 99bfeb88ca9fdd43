// linear: y = W x, an exact integer dot product and one scaling.
//
// Meaning   acc = sum_k x.q[k] * w.q[n][k];  y[n] = acc * (x.scale * w.scale[n]) (+ bias[n])
//           Where both sides were floats and have two limbs, q = 128 h + l, the products of two low limbs are left out, three of
//           four remain:   acc = sum_k (q q' - l l') = 2^14 sum_k h h' + 2^7 sum_k (h l' + l h').
//           What is left out is as small as what rounding to q and q' left out. Codes keep all products: without l l' a group of
//           codes could not be summed before it meets its step.
// Shapes    x (k) Fix, w (n, k) Fix rows -> y (n) float32
// Rounding  R1  f32(acc): the exact integer rounded once (|acc| < 2^53 for every k below 3.3e7)
//           R2  x.scale * w.scale[n]
//           R3  the product of R1 and R2
//           R4  the bias, where there is one: one addition
// Order     none: integer addition is associative. Any tile, split, thread or device order gives acc.
#pragma once

#include <cstdint>

#include "spec/fix.h"

namespace verbatim::spec {

// three: the product of the low limbs is left out
constexpr std::int64_t integer_product(int q_x, int q_w, bool three) {
  return std::int64_t{q_x} * q_w - (three ? low_limb(q_x) * low_limb(q_w) : 0);
}

// q_x, q_w: (k)
inline std::int64_t integer_dot(const std::int16_t* q_x, const std::int16_t* q_w, std::int64_t k,
                                bool three) {
  std::int64_t acc = 0;
  for (std::int64_t i = 0; i < k; ++i) acc += integer_product(q_x[i], q_w[i], three);
  return acc;
}

constexpr float scale_dot(std::int64_t acc, float row_scale, float column_scale) {
  return static_cast<float>(acc) * (row_scale * column_scale);
}

}  // namespace verbatim::spec
