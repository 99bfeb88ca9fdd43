// exp: the exponential of a float32.
//
// Meaning   exp(x) = e^x.  exp(+-0) = 1 exactly, exp(-inf) = +0, exp(+inf) = +inf, exp(NaN) = NaN (here
//           0x7fc00000; a lane may return any NaN, since a NaN never leaves the forward pass).
//           x >= 0x1.62e43p+6 (88.72284) gives +inf, x <= -0x1.9fe36ap+6 (-103.97208) gives +0, subnormal
//           results are kept.
// Rounding  R1  z = min(max(x, -104), 89)        exact; beyond these the result no longer changes
//           R2  t = fma(z, log2e, 1.5 * 2^23)    one fma: n = t - 1.5 * 2^23 is the integer nearest
//                                                z * log2e, n in [-150, 128]
//           R3  r = fma(n, -ln2_high, z)         one fma, exact: r and n * ln2_high share a last place of
//                                                2^-25 or more
//           R4  r = fma(n, -ln2_low, r)          one fma; |r| < 0.3467
//           R5  p = c6; p = fma(p, r, c5), then  six fma (Horner); p ~ e^r
//               c4, c3, c2, 1, 1
//           R6  y = p * 2^n                      one rounding (only a subnormal result is inexact)
// Order     none: elements are independent.
//
// R6 is one rounding of p * 2^n however it is reached. Ways to reach it, equal on bits:
//   * p * 2^n1 * 2^n2 with n1 = n >> 1, n2 = n - n1: the first product is exact (the code below);
//   * x <= 0 known (softmax): the integer sum bits(p) + ((n + 64) << 23), as a float, times 2^-64. With the
//     constant of R2 taken as 1.5 * 2^23 + 64, (n + 64) << 23 is bits(t) << 23: one shift, one integer add,
//     one multiplication;
//   * AVX-512 vscalefps.
//
// Worst error over every float32: 0.891321 ulp, at -0x1.765026p+2. Not monotone: 2924 arguments have a larger
// neighbour with a smaller result, each by one last place.
// Found by VERBATIM_EXHAUSTIVE=1 spec_tests --gtest_filter='Exp.*'.
//
// Constants by tools/coefficients/exp.sollya.
#pragma once

#include <bit>
#include <cstdint>

#include "spec/fma.h"

namespace verbatim::spec {

namespace exp_constants {
inline constexpr float kLowest = -104.0f;
inline constexpr float kHighest = 89.0f;
inline constexpr float kRounder = 0x1.8p23f;  // adding it leaves no room for a fraction
inline constexpr float kLog2e = 0x1.715476p0f;
inline constexpr float kLn2High = 0x1.62e43p-1f;
inline constexpr float kLn2Low = -0x1.05c61p-29f;
inline constexpr float kC2 = 0x1.fffffap-2f;
inline constexpr float kC3 = 0x1.555492p-3f;
inline constexpr float kC4 = 0x1.555a26p-5f;
inline constexpr float kC5 = 0x1.123988p-7f;
inline constexpr float kC6 = 0x1.694cd2p-10f;
}  // namespace exp_constants

// 2^n as a float32, for n in [-126, 127].
constexpr float power_of_two(std::int32_t n) { return std::bit_cast<float>((n + 127) << 23); }

constexpr float exp(float x) {
  using namespace exp_constants;
  float z = x < kLowest ? kLowest : x;  // R1; a NaN passes through
  z = z > kHighest ? kHighest : z;
  float t = fma(z, kLog2e, kRounder);  // R2
  float n = t - kRounder;
  float r = fma(n, -kLn2High, z);  // R3
  r = fma(n, -kLn2Low, r);         // R4
  float p = kC6;                   // R5
  p = fma(p, r, kC5);
  p = fma(p, r, kC4);
  p = fma(p, r, kC3);
  p = fma(p, r, kC2);
  p = fma(p, r, 1.0f);
  p = fma(p, r, 1.0f);
  std::int32_t shift = std::bit_cast<std::int32_t>(t) - std::bit_cast<std::int32_t>(kRounder);  // n
  std::int32_t half = shift >> 1;
  float y = p * power_of_two(half) * power_of_two(shift - half);  // R6
  return x == x ? y : std::bit_cast<float>(0x7fc00000);
}

}  // namespace verbatim::spec
