// weights: the rows of a weight matrix as integers.
//
// Meaning   x[i] ~ w[i] * S, one scale S a row.
//           i16, i8: Fix with two limbs, one limb (fix.h).
//           i4: a compressed i8: in each group of 32, w[i] = z + g * c[i], c in 0..15, g in 1..17, z and w in
//           [-127, 127].
// Shapes    x (k) -> i16, i8: w (k), S.  i4: codes (k), steps g and offsets z (ceil(k / 32)), S.
// Rounding  i16, i8: fix.h R1 to R4.
//           i4: fix.h R1 to R3 with Q = 127 give S and r; then
//           R1  u[i] = x[i] * r                              one multiplication
//           R2  lo, hi = min, max of the group's u           exact; range = hi - lo, one subtraction
//           R3  G = ceil(range / 15), at least 1
//           R4  candidates, in order: g = G, G - 1 (if >= 1); for each, t = -2, -1, 0, 1, 2:
//               z = round_half_even(lo + (range - 15 g) * 0.5) + t * ceil(g / 4), clamped to [-127, 127];
//               top = min(15, floor((127 - z) / g)), the largest code that keeps w <= 127
//           R5  c[i] = round_half_even((u[i] - z) * (1 / g)), clamped to [0, top];  w[i] = z + g * c[i]
//           R6  cost = sum of (u[i] - w[i])^2; the first candidate of least cost is taken
// Order     R6: 32 squares (absent elements of a last short group count +0), folded 16, 8, 4, 2, 1:
//           s[l] += s[l + half].
//
// Measured (relative RMS error): Gaussian rows, k = 2048: i16 0.0065 %, i8 0.84 %, i4 7.3 % from floats, and
// 4.7 % against the values of a Q4_0 file, whose own error is 8.6 %; Student-t rows with 5 degrees of
// freedom: i8 1.7 %, i4 8.5 %; trained matrices of stories260K: i8 0.56 to 0.71 %, i4 6.8 to 7.8 %. Shrinking
// the i8 scale by the best of 0.95 .. 1.00 (least squares) gained 1 % of these errors at six times the work:
// not worth a rule. Centring z alone (t = 0) costs i4 7.8 instead of 7.3 %; smaller g than G - 1 gains
// nothing.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "spec/fix.h"
#include "spec/lanes64.h"

namespace verbatim::spec {

inline constexpr int kGroup = 32;
inline constexpr int kTopCode = 15;
inline constexpr int kSteps = 2;    // g = G, G - 1
inline constexpr int kOffsets = 5;  // t = -2 .. 2

struct Group {
  int g = 1, z = 0;
};

// R5: the code of one element.  top: R4
inline int i4_code(float u, Group group, float reciprocal, int top) {
  float c = round_half_even((u - static_cast<float>(group.z)) * reciprocal);
  return static_cast<int>(std::clamp(c, 0.0f, static_cast<float>(top)));
}

inline int i4_top_code(Group group) { return std::min(kTopCode, (127 - group.z) / group.g); }

// R4: candidate `n` of 10 for a group that spans [lo, lo + range]; false: there is no such candidate.
inline bool i4_candidate(float lo, float range, int n, Group* out) {
  int g = std::max(1, static_cast<int>(std::ceil(range / kTopCode))) - n / kOffsets;
  if (g < 1) return false;
  float centre = round_half_even(lo + (range - static_cast<float>(kTopCode * g)) * 0.5f);
  int z = static_cast<int>(centre) + (n % kOffsets - kOffsets / 2) * ((g + 3) / 4);
  *out = {g, std::clamp(z, -127, 127)};
  return true;
}

// R6.  u: (n), n <= 32
inline float i4_cost(const float* u, int n, Group group) {
  float square[kGroup] = {};
  float reciprocal = 1.0f / static_cast<float>(group.g);
  int top = i4_top_code(group);
  for (int i = 0; i < n; ++i) {
    float e = u[i] - static_cast<float>(group.z + group.g * i4_code(u[i], group, reciprocal, top));
    square[i] = e * e;
  }
  for (int half = kGroup / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) square[l] = square[l] + square[l + half];
  }
  return square[0];
}

// x: (k) -> codes (k), step and offset (ceil(k / 32))
inline FixScale quantise_i4(const float* x, std::int64_t k, std::uint8_t* codes, std::uint8_t* step,
                            std::int8_t* offset) {
  FixScale s = fix_scale(max_abs(x, k), 1);
  for (std::int64_t begin = 0; begin < k; begin += kGroup) {
    int n = static_cast<int>(std::min<std::int64_t>(kGroup, k - begin));
    float u[kGroup];
    for (int i = 0; i < n; ++i) u[i] = s.scale == 0 ? 0 : x[begin + i] * s.reciprocal;  // R1
    float lo = *std::min_element(u, u + n), range = *std::max_element(u, u + n) - lo;   // R2
    Group best, candidate;
    float best_cost = INFINITY;
    for (int c = 0; c < kSteps * kOffsets; ++c) {
      if (!i4_candidate(lo, range, c, &candidate)) break;
      float cost = i4_cost(u, n, candidate);
      if (cost < best_cost) best = candidate, best_cost = cost;
    }
    float reciprocal = 1.0f / static_cast<float>(best.g);
    for (int i = 0; i < n; ++i) {
      codes[begin + i] = static_cast<std::uint8_t>(i4_code(u[i], best, reciprocal, i4_top_code(best)));
    }
    step[begin / kGroup] = static_cast<std::uint8_t>(best.g);
    offset[begin / kGroup] = static_cast<std::int8_t>(best.z);
  }
  return s;
}

// The relative RMS error of a matrix: sqrt(E / X), 0 if X = 0.
//   row    error = lanes64 of (u[i] - w[i])^2, energy = lanes64 of u[i]^2, u[i] = x[i] * r    float32, no fma
//   matrix E = sum of error * S^2, X = sum of energy * S^2, in increasing row               double
struct RowError {
  float error = 0, energy = 0;  // in units of S^2
};

// x: (k) what was quantised, with r = reciprocal; w: (k) the integers
inline RowError row_error(const float* x, std::int64_t k, float reciprocal, const std::int16_t* w) {
  auto join_error = [&](float lane, std::int64_t i) {
    float e = x[i] * reciprocal - static_cast<float>(w[i]);
    return lane + e * e;
  };
  auto join_energy = [&](float lane, std::int64_t i) {
    float u = x[i] * reciprocal;
    return lane + u * u;
  };
  return {lanes64(k, join_error), lanes64(k, join_energy)};
}

}  // namespace verbatim::spec
