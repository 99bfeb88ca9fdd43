// log: the natural logarithm of a float32.
//
// Meaning   log(x) = ln x for every positive float32, subnormals included.  log(1) = +0, log(+-0) = -inf,
//           log(+inf) = +inf, log(x < 0) = log(NaN) = NaN (0x7fc00000).
// Rounding  R1  ln x is rounded once, to nearest even: the result is the float32 nearest to the real
//               logarithm.
// Order     none: elements are independent.
//
// Any way to the correctly rounded logarithm conforms. The way below has about 75 bits of ln x before R1, and
// they decide every rounding: of all float32, the logarithm closest to a tie is 6e-11 ulp away from it, about
// 2^-58 of its value.
//
// Dense test: spec_tests --gtest_filter='Log.*'; every float32 with VERBATIM_EXHAUSTIVE=1.
#pragma once

#include <bit>

#include "spec/fma.h"
#include "spec/pow.h"

namespace verbatim::spec {

inline float log(float x) {
  if (!(x >= 0)) return std::bit_cast<float>(0x7fc00000);
  if (x == 0) return -kInfinity32;
  if (x == kInfinity32) return x;
  DoubleDouble y = log_of(x);
  return round_once(y.high, y.low);  // R1
}

}  // namespace verbatim::spec
