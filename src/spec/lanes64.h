// lanes64: the contract's order for a small float32 reduction, 64 wide.
//
// Meaning   sum of k terms.
// Shapes    x (k) float32 -> one float32.
// Rounding  R1  lane[i mod 64] = join(lane[i mod 64], i)   one rounding an element: x[i] + lane, or
//                                                          fma(x[i], x[i], lane)
//           R2  lane[l] = lane[l] + lane[l + half]         one rounding a fold
// Order     64 lanes start at +0; element i joins lane i mod 64 in increasing i; then half = 32, 16, 8, 4, 2,
//           1 fold.
//
// There is no padding: lanes that a short tail does not reach are left alone. A kernel may instead add +0 to
// them (or fma(0, 0, lane)): that gives the same bits, because a lane is never -0. It starts at +0, and under
// round-to-nearest a sum is -0 only if both operands are.
#pragma once

#include <cstdint>

#include "spec/fma.h"

namespace verbatim::spec {

inline constexpr int kLanes = 64;

// join(lane, i) returns the lane after element i joined it.
template <typename Join>
float lanes64(std::int64_t k, Join join) {
  float lane[kLanes] = {};
  for (std::int64_t i = 0; i < k; ++i) lane[i % kLanes] = join(lane[i % kLanes], i);  // R1
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];  // R2
  }
  return lane[0];
}

// x: (k)
inline float lanes64_sum(const float* x, std::int64_t k) {
  return lanes64(k, [x](float lane, std::int64_t i) { return lane + x[i]; });
}

// x: (k)
inline float lanes64_sum_of_squares(const float* x, std::int64_t k) {
  return lanes64(k, [x](float lane, std::int64_t i) { return fma(x[i], x[i], lane); });
}

}  // namespace verbatim::spec
