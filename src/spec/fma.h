// fma: the fused multiply-add of IEEE 754, on every machine.
//
// Meaning   fma(a, b, c) = a * b + c.
// Rounding  R1  the exact a * b + c is rounded once, to nearest even, gradual underflow kept.
//           A NaN result is some NaN: its payload is not part of the contract (a NaN never leaves the forward
//           pass).
// Order     none.
//
// Where the target has the instruction, fma is that instruction. Elsewhere it is fma_portable, which gives
// the same bits with double arithmetic alone: no call into libm (whose own fallback may be slow), and plain
// loops over it vectorise.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace verbatim::spec {

// sum + error rounded once to float32, where sum is that value rounded to nearest double and error is what it
// lost. The sum is first made odd: kept if exact, else moved to the neighbour whose last bit is 1. An odd
// last bit says "not a tie, not exact" to the rounding that follows, which therefore rounds as if it saw all
// of sum + error: 53 >= 24 + 2 bits suffice (Boldo, Melquiond 2008, "Emulation of FMA and correctly rounded
// sums: proved algorithms using rounding to odd").
constexpr float round_once(double sum, double error) {
  auto bits = std::bit_cast<std::uint64_t>(sum);
  bool inexact = std::fabs(error) > 0;                                              // false for NaN
  std::uint64_t towards_zero = (std::bit_cast<std::uint64_t>(error) ^ bits) >> 63;  // 1: |exact| < |sum|
  std::uint64_t step = inexact ? ~bits & 1 : 0;  // an odd sum is that neighbour
  bits += step - 2 * (step & towards_zero);
  return static_cast<float>(std::bit_cast<double>(bits));
}

constexpr float fma_portable(float a, float b, float c) {
  // Exact: 48 bits, no overflow, no underflow.
  double product = static_cast<double>(a) * static_cast<double>(b);
  double addend = c;
  double sum = product + addend;
  // Knuth's two-sum: sum + error is exactly product + addend. For infinities and NaN, error is NaN.
  double addend_seen = sum - product;
  double error = (product - (sum - addend_seen)) + (addend - addend_seen);
  return round_once(sum, error);
}

constexpr float fma(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#elif defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return fma_portable(a, b, c);
#endif
}

}  // namespace verbatim::spec
