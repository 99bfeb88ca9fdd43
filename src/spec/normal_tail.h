// normal_tail: how much of the normal distribution lies beyond a, for gelu.h.
//
// Meaning   Q(a) = (1 - erf(a / sqrt 2)) / 2 = erfc(a / sqrt 2) / 2, for a >= 0.  Q(0) is 1/2, Q(+inf) is +0. Beyond 14.42 the
//           result is +0.
// Rounding  R1  t = 1 / fma(a, 1/2, 1)           two roundings
//           R2  p = c9; p = fma(p, t, c8), then  nine fma (Horner); t p ~ Q(a) e^(a^2 / 2)
//               c7, ... c0
//           R3  p * t
//           R4  e = exp(-1/2 * (a * a))          one rounding before exp.h
//           R5  R3 * e
// Order     none: elements are independent.
//
// Worst errors where a <= 1, 2, 4, 6: 6.298902, 6.323347, 8.957209, 19.474559 ulp. They grow as a^2 / 2, whose rounding exp magnifies.
// Found by VERBATIM_EXHAUSTIVE=1 spec_tests --gtest_filter='NormalTail.*'.
//
// Constants by tools/coefficients/normal_tail.sollya.
#pragma once

#include "spec/exp.h"

namespace verbatim::spec {

namespace normal_tail_constants {
inline constexpr float kC0 = 0x1.988e3cp-3f;
inline constexpr float kC1 = 0x1.975498p-3f;
inline constexpr float kC2 = 0x1.41ab2p-3f;
inline constexpr float kC3 = -0x1.94c42p-9f;
inline constexpr float kC4 = 0x1.5216dp-3f;
inline constexpr float kC5 = -0x1.6ee954p-1f;
inline constexpr float kC6 = 0x1.d4b8c2p-1f;
inline constexpr float kC7 = -0x1.286096p-1f;
inline constexpr float kC8 = 0x1.7f0a26p-3f;
inline constexpr float kC9 = -0x1.90b9a8p-6f;
}  // namespace normal_tail_constants

// a >= 0
constexpr float normal_tail(float a) {
  using namespace normal_tail_constants;
  float t = 1.0f / fma(a, 0.5f, 1.0f);  // R1
  float p = kC9;                        // R2
  p = fma(p, t, kC8);
  p = fma(p, t, kC7);
  p = fma(p, t, kC6);
  p = fma(p, t, kC5);
  p = fma(p, t, kC4);
  p = fma(p, t, kC3);
  p = fma(p, t, kC2);
  p = fma(p, t, kC1);
  p = fma(p, t, kC0);
  return (p * t) * exp(-0.5f * (a * a));  // R3 to R5
}

}  // namespace verbatim::spec
