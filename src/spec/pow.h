// pow: exp64, log64 and pow64, for tables made at load time (rope) and for log once a row.
//
// Meaning   e^x and ln x of any double; base^y of a finite base > 0 and a finite y.
//           exp64(+-0) = 1, log64(1) = +0, pow64(1, y) = pow64(base, +-0) = 1 exactly. log64(+-0) = -inf,
//           log64(x < 0) = NaN, log64(+inf) = exp64(+inf) = +inf, exp64(-inf) = +0, NaN gives NaN.
// Rounding  every operation written here is one rounding of IEEE 754 double + - * /, in the order written: no
//           fma, no libm.
//           R1  reduce the argument: x - n ln 2 in double_double; m in [sqrt(1/2), sqrt(2)) of x = m 2^n,
//               exact
//           R2  sum a Taylor series by Horner, for log64 and pow64 its leading terms in double_double
//           R3  round the sum to double; exp64 and pow64 then scale by 2^n (only a subnormal result rounds
//               again)
// Order     none.
//
// Worst errors found against MPFR (spec_tests --gtest_filter='Pow.*'): exp64 0.745 ulp, log64 0.5001 ulp,
// pow64 0.75 ulp; 1.01 ulp is allowed where the result is subnormal.
//
// Nothing is fitted: the coefficients are 1/k! and 1/(2k+1), computed where they stand. ln 2 in parts is by
// tools/coefficients/constants.sollya.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/check.h"
#include "spec/double_double.h"

namespace verbatim::spec {

inline constexpr float kInfinity32 = std::numeric_limits<float>::infinity();
inline constexpr double kInfinity64 = std::numeric_limits<double>::infinity();
inline constexpr double kNan64 = std::numeric_limits<double>::quiet_NaN();
inline constexpr DoubleDouble kLn2 = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};

// 1/(2k+1) for k = 0 .. 16, the coefficients of atanh(s)/s in s^2.
inline constexpr int kAtanhTerms = 17;
inline constexpr auto kInverseOdd = [] {
  std::array<DoubleDouble, kAtanhTerms> inverse{};
  for (int k = 0; k < kAtanhTerms; ++k) inverse[k] = DoubleDouble{1} / DoubleDouble{2.0 * k + 1};
  return inverse;
}();

// 2^n for n in [-1022, 1023].
inline double power_of_two64(std::int64_t n) { return std::bit_cast<double>((n + 1023) << 52); }

// e^(x.high + x.low). REQUIRES: x is not NaN.
inline double exp_of(DoubleDouble x) {
  if (x.high > 710) return kInfinity64;
  if (x.high < -746) return 0;
  double n = round_half_even64(x.high * 0x1.71547652b82fep0);  // log2(e)
  DoubleDouble r = x + DoubleDouble{-n} * kLn2;                // |r| < 0.3467
  double series = kInverseFactorial[16];                       // (e^r - 1 - r) / r^2
  for (int k = 15; k >= 2; --k) series = kInverseFactorial[k] + series * r.high;
  double square = r.high * r.high;
  DoubleDouble one_plus = quick_two_sum(1, r.high);
  double e = one_plus.high + (one_plus.low + (square * series + (r.low + r.low * r.high)));
  auto shift = static_cast<std::int64_t>(n);
  std::int64_t half = shift >> 1;
  return e * power_of_two64(half) * power_of_two64(shift - half);
}

// ln x to about 75 bits. REQUIRES: x is positive and finite.
inline DoubleDouble log_of(double x) {
  double exponent = 0;
  if (x < 0x1p-1022) {  // subnormal
    x = x * 0x1p54;
    exponent = -54;
  }
  // x = m * 2^exponent with m in [sqrt(1/2), sqrt(2)): less the bits of sqrt(1/2),
  // the exponent field is the exponent.
  constexpr std::int64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  auto bits = std::bit_cast<std::int64_t>(x);
  std::int64_t shift = (bits - kSqrtHalf) >> 52;
  double m = std::bit_cast<double>(bits - (shift << 52));
  exponent = exponent + static_cast<double>(shift);

  // ln m = 2 atanh(s) = 2 s (1 + z/3 + z^2/5 + ...), s = (m - 1) / (m + 1), z = s^2 < 0.0295.
  DoubleDouble s = DoubleDouble{m - 1} / two_sum(m, 1);
  DoubleDouble z = s * s;
  constexpr int kLeading = 2;  // z^3 is below 2^-15: from there, double is enough
  double tail = 0;
  for (int k = kAtanhTerms - 1; k > kLeading; --k) tail = kInverseOdd[k].high + tail * z.high;
  DoubleDouble series = {tail};
  for (int k = kLeading; k >= 0; --k) series = kInverseOdd[k] + series * z;
  return DoubleDouble{exponent} * kLn2 + DoubleDouble{2} * s * series;
}

inline double exp64(double x) { return x == x ? exp_of({x}) : kNan64; }

inline double log64(double x) {
  if (!(x >= 0)) return kNan64;
  if (x == 0) return -kInfinity64;
  if (x == kInfinity64) return x;
  return log_of(x).high;
}

// base^y. REQUIRES: base is positive and finite, y is finite.
inline double pow64(double base, double y) {
  CHECK(base > 0 && base < kInfinity64 && std::fabs(y) < kInfinity64,
        "pow64: base must be positive, both finite");
  // Beyond 2^64 the result no longer changes: |ln base| is 0 or at least 2^-53.
  if (std::fabs(y) > 0x1p64) y = std::copysign(0x1p64, y);
  return exp_of(DoubleDouble{y} * log_of(base));
}

}  // namespace verbatim::spec
