// swiglu: silu(gate) * up   (Shazeer 2020)
//
// Shapes    gate, up: scalars, applied elementwise to (hidden)
// Rounding  R1  e = exp(-g)
//           R2  1 + e
//           R3  g / R2
//           R4  R3 * u
//           exp may overflow to infinity for g < -88: then g / inf = -0, and the result is a zero.
#pragma once

#include "spec/exp.h"

namespace verbatim::spec {

constexpr float swiglu(float gate, float up) { return (gate / (1.0f + exp(-gate))) * up; }

}  // namespace verbatim::spec
