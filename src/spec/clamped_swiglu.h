// clamped_swiglu: swiglu with bounds, a slope and an up-projection about 1   (gpt-oss, 2025)
//
// Meaning   g' = min(g, limit), u' = clamp(u, -limit, limit):  y = g' sigmoid(alpha g') (u' + 1)
//           An infinite g or u gives NaN, not the limit: a value that overflowed is still found.
// Shapes    gate, up: scalars, applied elementwise to (hidden)
// Rounding  R1  g', u'                exact; a NaN passes through
//           R2  alpha * g'
//           R3  e = exp(-R2)
//           R4  1 + e
//           R5  g' / R4
//           R6  u' + 1
//           R7  R5 * R6
//           R8  R7 - ((g - g) + (u - u))      exact, +0 for all that is finite
// Order     none: elements are independent.
#pragma once

#include "spec/exp.h"

namespace verbatim::spec {

struct ClampedSwiglu {
  float alpha = 1.702f, limit = 7;
};

constexpr float clamped_swiglu(float gate, float up, const ClampedSwiglu& form) {
  float g = gate > form.limit ? form.limit : gate;
  float u = up > form.limit ? form.limit : up;
  u = u < -form.limit ? -form.limit : u;
  float silu = g / (1.0f + exp(-(form.alpha * g)));
  return silu * (u + 1.0f) - ((gate - gate) + (up - up));
}

}  // namespace verbatim::spec
