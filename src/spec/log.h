// log: the natural logarithm of a float32.
//
// Meaning   log(x) = ln x for every positive float32, subnormals included.  log(1) = +0, log(+-0) = -inf,
//           log(+inf) = +inf, log(x < 0) = log(NaN) = NaN (0x7fc00000).
// Rounding  R1  y = log64(x)      see pow.h
//           R2  float32(y)        one rounding
// Order     none: elements are independent.
//
// It runs once a row, so it is the double function rounded, not a second polynomial.
#pragma once

#include <bit>

#include "spec/pow.h"

namespace verbatim::spec {

inline float log(float x) {
  double y = log64(x);
  return y == y ? static_cast<float>(y) : std::bit_cast<float>(0x7fc00000);
}

}  // namespace verbatim::spec
