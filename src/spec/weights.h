// weights: the rows of a weight matrix as integers.
//
// Meaning   x[i] ~ w[i] * S, one scale S a row, |w| <= 16319.
//           i16, i8   Fix with two limbs, one limb (fix.h): what a row of floats becomes.
//           i16r, i8r the same of the row rotated (hadamard.h), with S divided by the rotation's block: what a vector meets that
//                     was rotated too.
//           codes     what a quantised file holds, kept as it is. The file gives each group of columns a step D and an
//                     offset M (the value of level 0) and each column a level c: its value is v = M + D c. The row keeps
//                     the levels, and for each group two integers on the grid of two limbs:
//                         w[i] = z + ((g c[i] + 2^f / 2) >> f)
// Shapes    x (k) -> i16, i8: w (k), S.  codes: levels (k), g and z (k / group), S.
// Rounding  i16, i8: fix.h R1 to R4.  i16r, i8r: hadamard.h, then the same; S / B is exact.
//           codes, with L the largest level of the form, 8, 12 or 128:
//           R1  a = the largest of |v|, |M| and |D| L / 2 in the row     exact
//           R2  S = a / 16314, r = 16314 / a                             one division each; a < 2^-100: all are 0
//               levels of E2M1: S the least power of two not below a / 16314, r = 1 / S: exact
//           R3  g = round_half_even(D * (r * 2^f))                       one multiplication, one rounding to integer
//           R4  z = round_half_even(M * r)                               the same
//           So |g| <= 4079 in 4-bit forms and 32628 in 8-bit ones, and |w| <= 16314 + 1/2 + 8 * 1/2: below 16319.
//           With E2M1 steps are powers of two, so g is D / S, or 0 where D < S: such a step is the row's largest / 2^11 or
//           less, and all else of a row of MXFP4 is exact.
// Order     none.
//
// f is 0 for 4-bit levels, which keeps w linear in c: a kernel may sum a group first (g * sum c x + z * sum x) or expand.
// It is 7 for 8-bit levels, where whole steps would lose. Levels and their steps may be scaled by powers of two, which is
// exact, so that levels fill their bits (load/file_codes.h).
//
// Measured (relative RMS error): Gaussian rows, k = 2048: i16 0.0065 %, i8 0.84 %; Student-t rows with 5 degrees of
// freedom: i8 1.7 %; trained matrices of stories260K: i8 0.56 to 0.71 %. Shrinking the i8 scale by the best of
// 0.95 .. 1.00 (least squares) gained 1 % of these errors at six times the work: not worth a rule.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "spec/fix.h"
#include "spec/lanes64.h"

namespace verbatim::spec {

inline constexpr float kCodesMax = 16314;

// The levels that 4-bit codes name.
//   uniform  code - 8
//   iq4      IQ4_NL, IQ4_XS (ggml-common.h, kvalues_iq4nl)
//   e2m1     MXFP4: values of E2M1 (OCP Microscaling Formats v1.0, 5.3.3), doubled (ggml-common.h, kvalues_mxfp4)
enum class Levels : std::uint8_t { uniform, iq4, e2m1 };
inline constexpr std::int8_t kLevels[3][16] = {
    {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7},
    {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113},
    {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}};
constexpr const std::int8_t (&levels_of(Levels levels))[16] { return kLevels[static_cast<int>(levels)]; }

// R1 of one group, beside its values. largest: L
inline float code_bound(float step, float offset, int largest) {
  return std::max(std::fabs(step) * static_cast<float>(largest / 2), std::fabs(offset));
}

// R2.   a: R1
inline FixScale code_scale(float a, Levels levels) {
  if (!std::isfinite(a)) return {0, 0, false};
  if (a < kFixTiny) return {};
  if (levels != Levels::e2m1) return {a / kCodesMax, kCodesMax / a};
  int exponent = 0;
  if (std::frexp(a / kCodesMax, &exponent) == 0.5f) --exponent;
  return {std::ldexp(1.0f, exponent), std::ldexp(1.0f, -exponent)};
}

// R3, R4: with 2^f and the step, or with 1 and the offset
inline std::int16_t code_integer(float x, FixScale s, int fraction) {
  return static_cast<std::int16_t>(round_half_even(x * (s.reciprocal * static_cast<float>(1 << fraction))));
}

constexpr int code_weight(int level, int g, int z, int fraction) {
  return z + ((g * level + (1 << fraction >> 1)) >> fraction);
}

// The relative RMS error of a matrix: sqrt(E / X), 0 if X = 0.
//   row    error = lanes64 of (u[i] - w[i])^2, energy = lanes64 of u[i]^2, u[i] = x[i] * r    float32, no fma
//   matrix E = sum of error * S^2, X = sum of energy * S^2, in increasing row               double
struct RowError {
  float error = 0, energy = 0;  // in units of S^2
};

// x: (k) what was quantised, with r = reciprocal; w: (k) the integers
inline RowError row_error(const float* x, std::int64_t k, float reciprocal, const std::int16_t* w) {
  auto join_error = [&](float lane, std::int64_t i) {
    float e = x[i] * reciprocal - static_cast<float>(w[i]);
    return lane + e * e;
  };
  auto join_energy = [&](float lane, std::int64_t i) {
    float u = x[i] * reciprocal;
    return lane + u * u;
  };
  return {lanes64(k, join_error), lanes64(k, join_energy)};
}

}  // namespace verbatim::spec
