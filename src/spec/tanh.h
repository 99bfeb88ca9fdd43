// tanh: the hyperbolic tangent of a float32.
//
// Meaning   tanh(x) = -E / (E + 2) with E = e^(-2|x|) - 1, and the sign of x. So nothing cancels where x is small, and there is
//           no branch. Odd on bits: tanh(-x) = -tanh(x). tanh(+-0) = +-0, tanh(+-inf) = +-1, tanh(NaN) is some NaN.
// Rounding  R1  z = max(-2|x|, -32)              exact; beyond it the result is 1
//           R2  t = fma(z, log2e, 1.5 * 2^23)    R2 to R4 of exp.h: n = t - 1.5 * 2^23, and r with e^z = 2^n e^r
//           R3  r = fma(n, -ln2_high, z)
//           R4  r = fma(n, -ln2_low, r)
//           R5  q = c6; q = fma(q, r, c5), then  four fma (Horner) with the coefficients of exp.h
//               c4, c3, c2
//           R6  q = fma(r * r, q, r)             two roundings; q ~ e^r - 1
//           R7  E = fma(2^n, q, 2^n - 1)         two roundings (2^n q is exact, so an addition gives the same bits)
//           R8  -E / (E + 2)                     two roundings
// Order     none: elements are independent.
//
// Worst error over every float32: 2.498372 ulp, at 0x1.205368p+2. Monotone.
// Found by VERBATIM_EXHAUSTIVE=1 spec_tests --gtest_filter='Tanh.*'.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "spec/exp.h"

namespace verbatim::spec {

inline constexpr float kTanhEnd = -32.0f;

constexpr float tanh(float x) {
  using namespace exp_constants;
  float z = -2 * std::fabs(x);
  z = z < kTanhEnd ? kTanhEnd : z;     // R1; a NaN passes through
  float t = fma(z, kLog2e, kRounder);  // R2
  float n = t - kRounder;
  float r = fma(n, -kLn2High, z);  // R3
  r = fma(n, -kLn2Low, r);         // R4
  float q = kC6;                   // R5
  q = fma(q, r, kC5);
  q = fma(q, r, kC4);
  q = fma(q, r, kC3);
  q = fma(q, r, kC2);
  q = fma(r * r, q, r);  // R6
  float power = power_of_two(std::bit_cast<std::int32_t>(t) - std::bit_cast<std::int32_t>(kRounder));
  float e = fma(power, q, power - 1.0f);     // R7
  return std::copysign(-e / (e + 2.0f), x);  // R8
}

}  // namespace verbatim::spec
