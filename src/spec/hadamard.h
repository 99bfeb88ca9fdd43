// hadamard: blocks of a vector rotated, so that a few large elements are spread over their block and 8 bits hold the rest
// (Ashkboos et al. 2024, QuaRot; Sylvester's matrices).
//
// Meaning   y = H x in each block of B elements, H[i][j] = (-1)^(number of ones in i & j). H is symmetric and H H = B I, so
//           (H x) . (H w) = B (x . w): what was rotated on both sides is scaled by 1 / B, which is exact.
// Shapes    x (k) in place, B = hadamard_block(k, most): the largest power of two that divides k, at most `most`
// Rounding  log2(B) additions an element: in stage h = 1, 2, 4, ..., B / 2 each pair (i, i + h), bit h of i clear, becomes
//           (x[i] + x[i + h], x[i] - x[i + h])
// Order     the stages, in increasing h.
//
// Of integers below 2^24 / B it is exact, in float32 as well.
#pragma once

#include <algorithm>
#include <cstdint>

namespace verbatim::spec {

inline constexpr std::int64_t kLinearBlock =
    64;  // the most of linear layers: 256 and 512 spread no better (docs/numerics.md)

constexpr std::int64_t hadamard_block(std::int64_t k, std::int64_t most) { return std::min(k & -k, most); }

inline void hadamard(float* x, std::int64_t k, std::int64_t block) {
  for (std::int64_t h = 1; h < block; h *= 2) {
    for (std::int64_t i = 0; i < k; ++i) {
      if ((i & h) != 0) continue;
      const float a = x[i], b = x[i + h];
      x[i] = a + b;
      x[i + h] = a - b;
    }
  }
}

}  // namespace verbatim::spec
