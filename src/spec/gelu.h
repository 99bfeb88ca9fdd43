// gelu: gelu(gate) * up, in both forms   (Hendrycks & Gimpel 2016; gated: Shazeer 2020)
//
// Meaning   tanh form   gelu(x) = x/2 (1 + tanh y) = x / (1 + e^(-2y)), y = sqrt(2 / pi) (x + 0.044715 x^3)
//           erf form    gelu(x) = x/2 (1 + erf(x / sqrt 2)) = max(x, 0) - |x| Q(|x|), Q of normal_tail.h
//           Written so, nothing cancels where x is negative.
// Shapes    gate, up: scalars, applied elementwise to (hidden)
// Rounding  tanh form   R1  x * x
//                       R2  k = fma(R1, c3, c1)      c1 = f32(-2 sqrt(2 / pi)), c3 = f32(-2 sqrt(2 / pi) 0.044715)
//                       R3  e = exp(x * k)           one rounding before exp.h
//                       R4  1 + e
//                       R5  x / R4
//                       exp may overflow to infinity for x < -10.1: then the result is -0.
//           erf form    R1  Q(|x|)                   normal_tail.h
//                       R2  fma(-|x|, R1, max(x, +0))
//           both        R6  gelu(gate) * up
//           An infinite gate may give NaN.
// Order     none: elements are independent.
//
// Worst errors, of results up to 0.17 where x is negative:
//   tanh form   x > 0: 1.880452 ulp;  -2 <= x < 0: 6.192750 ulp;  x < 0: 4.6994e-8
//   erf form    x > 0: 6.003407 ulp;  -2 <= x < 0: 6.594019 ulp;  x < 0: 6.9209e-8
// Found by VERBATIM_EXHAUSTIVE=1 spec_tests --gtest_filter='Gelu.*'.
#pragma once

#include <cmath>

#include "spec/exp.h"
#include "spec/fma.h"
#include "spec/normal_tail.h"

namespace verbatim::spec {

namespace gelu_constants {
inline constexpr float kC1 = -0x1.988454p0f;
inline constexpr float kC3 = -0x1.2444f2p-4f;
}  // namespace gelu_constants

constexpr float gelu_tanh(float x) {
  using namespace gelu_constants;
  float k = fma(x * x, kC3, kC1);
  return x / (1.0f + exp(x * k));
}

constexpr float gelu_erf(float x) {
  float a = std::fabs(x);
  return fma(-a, normal_tail(a), x > 0 ? x : 0.0f);
}

constexpr float geglu_tanh(float gate, float up) { return gelu_tanh(gate) * up; }
constexpr float geglu_erf(float gate, float up) { return gelu_erf(gate) * up; }

}  // namespace verbatim::spec
