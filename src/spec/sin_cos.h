// sin_cos: sin64 and cos64, for rope tables made at load time.
//
// Meaning   the sine and cosine of a double, |x| <= 2^30. sin64(+-0) = +0, cos64(+-0) = 1 exactly.
// Rounding  every operation written here is one rounding of IEEE 754 double + - * /, in the order written: no
//           fma, no libm.
//           R1  r = x - n pi/2 in double_double, n = round_half_even(x * 2/pi)
//           R2  the Taylor series of sin r and cos r by Horner
//           R3  round the sum to double
// Order     none.
//
// Worst error found against MPFR (spec_tests --gtest_filter='SinCos*'): 0.778 ulp.
//
// Nothing is fitted: the coefficients are 1/k!. pi/2 in parts is by tools/coefficients/constants.sollya.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/check.h"
#include "spec/double_double.h"

namespace verbatim::spec {

struct SinCos {
  double sin = 0;
  double cos = 0;
};

inline constexpr double kLargestAngle = 0x1p30;

// Both at once. REQUIRES: |x| <= kLargestAngle.
constexpr SinCos sin_cos64(double x) {
  CHECK(std::fabs(x) <= kLargestAngle, "sin_cos64: the argument must lie within 2^30 of zero");
  // x = n * pi/2 + r, |r| < 0.7854, pi/2 in three parts (159 bits). No double is nearer than 2^-61 to a
  // multiple of pi/2 other than 0 (Muller 2016, "Elementary functions", chapter 11), so r keeps more than 60
  // correct bits.
  double n = round_half_even64(x * 0x1.45f306dc9c883p-1);  // 2/pi
  DoubleDouble r = DoubleDouble{x} + two_product(-n, 0x1.921fb54442d18p0);
  r = r + two_product(-n, 0x1.1a62633145c07p-54);
  r = r + DoubleDouble{-n * -0x1.f1976b7ed8fbcp-110};

  constexpr auto kInverse = kInverseFactorial;  // a copy: a device knows no constants but a function's own
  double z = r.high * r.high;
  double sin_series = 0;  // (sin r - r) / r^3
  for (int k = 19; k >= 3; k -= 2) sin_series = (k % 4 == 1 ? 1 : -1) * kInverse[k] + sin_series * z;
  double sin_r = r.high + (r.high * z * sin_series + r.low * (1 - 0.5 * z));

  double cos_series = 0;  // (cos r - 1 + r^2/2) / r^4
  for (int k = 20; k >= 4; k -= 2) cos_series = (k % 4 == 0 ? 1 : -1) * kInverse[k] + cos_series * z;
  DoubleDouble one_minus = quick_two_sum(1, -0.5 * z);
  double cos_tail = z * z * cos_series - r.high * r.low;
  double cos_r = one_minus.high + (one_minus.low + cos_tail);

  switch (static_cast<std::int64_t>(n) & 3) {
    case 0:
      return {sin_r, cos_r};
    case 1:
      return {cos_r, -sin_r};
    case 2:
      return {-sin_r, -cos_r};
    default:
      return {-cos_r, sin_r};
  }
}

inline double sin64(double x) { return sin_cos64(x).sin; }
inline double cos64(double x) { return sin_cos64(x).cos; }

}  // namespace verbatim::spec
