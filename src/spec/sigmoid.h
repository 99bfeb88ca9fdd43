// sigmoid: the logistic function of a float32, for gates.
//
// Meaning   sigmoid(x) = 1 / (1 + e^-x)
// Rounding  R1  e = exp(-x)
//           R2  1 + e
//           R3  1 / R2
//           exp may overflow to infinity for x < -88: then the result is +0.
// Order     none: elements are independent.
//
// Worst error over every x >= -87: 2.480738 ulp, at -0x1.0a2bd8p+4.
// Found by VERBATIM_EXHAUSTIVE=1 spec_tests --gtest_filter='Sigmoid.*'.
#pragma once

#include "spec/exp.h"

namespace verbatim::spec {

constexpr float sigmoid(float x) { return 1.0f / (1.0f + exp(-x)); }

}  // namespace verbatim::spec
