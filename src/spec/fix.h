// Fix: a vector of reals held as integers and one scale.
//
// Meaning   x[i] ~ q[i] * scale, q in [-Q, Q].  One limb: Q = 127.
//           Two limbs: q = 128 * hi + lo, hi in [-127, 127], lo in [-64, 63], Q = 16319 = 128 * 127 + 63.
// Shapes    x (k) float32 -> q (k), scale.
// Rounding  R1  a = max |x|                          exact
//           R2  scale = a / Q                        one division
//           R3  r = Q / a                            one division
//           R4  q[i] = round_half_even(x[i] * r)     one multiplication, one rounding to integer; then
//                                                    clamped to [-Q, Q]
//           If a < 2^-100: q = 0, scale = 0 (r would overflow).
// Order     none: max has no order, elements are independent.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace verbatim::spec {

inline constexpr float kFixTiny = 0x1p-100f;

constexpr int fix_max(int limbs) { return limbs == 2 ? 16319 : 127; }

// Round to the nearest integer, ties to even, for |x| < 2^22:
// adding 1.5 * 2^23 leaves no room for a fraction.
constexpr float round_half_even(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

struct FixScale {
  float scale = 0;       // R2
  float reciprocal = 0;  // R3
  bool finite = true;    // false: x held a NaN or an infinity; then q and scale are 0
};

constexpr FixScale fix_scale(float a, int limbs) {
  if (!std::isfinite(a)) return {0, 0, false};
  if (a < kFixTiny) return {};
  float Q = static_cast<float>(fix_max(limbs));
  return {a / Q, Q / a, true};
}

// The largest |x|; NaN if any element is NaN (as integers, the bit patterns of |x| order the same way,
// NaN on top).
inline float max_abs(const float* x, std::int64_t k) {
  float a = 0;
  for (std::int64_t i = 0; i < k; ++i) {
    float b = std::fabs(x[i]);
    if (!(b <= a)) a = b;
    if (std::isnan(a)) return a;
  }
  return a;
}

inline FixScale quantise(const float* x, std::int64_t k, int limbs, std::int16_t* q) {
  FixScale s = fix_scale(max_abs(x, k), limbs);
  int Q = fix_max(limbs);
  for (std::int64_t i = 0; i < k; ++i) {
    q[i] = s.scale == 0 ? std::int16_t{0}
                        : static_cast<std::int16_t>(
                              std::clamp(static_cast<int>(round_half_even(x[i] * s.reciprocal)), -Q, Q));
  }
  return s;
}

// q = 128 * high + low with low in [-64, 63]: unique, and high in [-127, 127] for |q| <= 16319.
constexpr int high_limb(int q) { return (q + 64) >> 7; }
constexpr int low_limb(int q) { return q - 128 * high_limb(q); }

}  // namespace verbatim::spec
