// double_double: unevaluated sums of two doubles, about 106 bits, from IEEE 754 double + - * / alone.
//
// Meaning   (high, low) stands for high + low, |low| <= half a last place of high.
// Rounding  two_sum, quick_two_sum and two_product are exact; the others err by a few 2^-104 of the result.
//           Every operation below is one rounding, in the order written: no fma, no wider registers, so every
//           machine agrees.
// Order     none.
//
// REQUIRES: no overflow or underflow within an operation:
// operands zero or within 2^-400 .. 2^400 in magnitude.
// Sources: Knuth (two_sum), Dekker 1971 (quick_two_sum, two_product).
#pragma once

#include <array>

namespace verbatim::spec {

struct DoubleDouble {
  double high = 0;
  double low = 0;
};

// a + b exactly.
constexpr DoubleDouble two_sum(double a, double b) {
  double sum = a + b;
  double b_seen = sum - a;
  return {sum, (a - (sum - b_seen)) + (b - b_seen)};
}

// a + b exactly. REQUIRES: a = 0 or |a| >= |b|.
constexpr DoubleDouble quick_two_sum(double a, double b) {
  double sum = a + b;
  return {sum, b - (sum - a)};
}

// The upper 26 bits of a (rounded), so that products of halves are exact.
constexpr double upper_half(double a) {
  double scaled = a * 0x1.0000002p27;  // 2^27 + 1
  return scaled - (scaled - a);
}

// a * b exactly.
constexpr DoubleDouble two_product(double a, double b) {
  double product = a * b;
  double a_upper = upper_half(a), b_upper = upper_half(b);
  double a_lower = a - a_upper, b_lower = b - b_upper;
  double error = ((a_upper * b_upper - product) + a_upper * b_lower + a_lower * b_upper) + a_lower * b_lower;
  return {product, error};
}

constexpr DoubleDouble operator+(DoubleDouble a, DoubleDouble b) {
  DoubleDouble high = two_sum(a.high, b.high);
  DoubleDouble low = two_sum(a.low, b.low);
  DoubleDouble sum = quick_two_sum(high.high, high.low + low.high);
  return quick_two_sum(sum.high, sum.low + low.low);
}

constexpr DoubleDouble operator*(DoubleDouble a, DoubleDouble b) {
  DoubleDouble product = two_product(a.high, b.high);
  return quick_two_sum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

constexpr DoubleDouble operator/(DoubleDouble a, DoubleDouble b) {
  double quotient = a.high / b.high;
  DoubleDouble remainder = a + DoubleDouble{-quotient} * b;
  return quick_two_sum(quotient, remainder.high / b.high);
}

// The nearest integer, ties to even, for |x| < 2^51.
constexpr double round_half_even64(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

// 1/k! for k = 0 .. 20. Every k! in the table is exact in double.
inline constexpr auto kInverseFactorial = [] {
  std::array<double, 21> inverse{};
  double factorial = 1;
  for (int k = 0; k < 21; ++k) {
    if (k > 0) factorial = factorial * k;
    inverse[k] = 1 / factorial;
  }
  return inverse;
}();

}  // namespace verbatim::spec
