// softcap: values kept within (-cap, cap), for logits and for scores of attention   (Gemma 2, 2024)
//
// Meaning   y = cap tanh(z / cap).  An infinite z gives NaN, not cap: a value that overflowed is still found.
// Shapes    z: scalar, applied elementwise to (n)
// Rounding  R1  z / cap
//           R2  tanh                  tanh.h
//           R3  cap * R2
//           R4  R3 - (z - z)          exact, +0 for every finite z
// Order     none: elements are independent.
#pragma once

#include "spec/tanh.h"

namespace verbatim::spec {

// cap > 0, finite
constexpr float softcap(float z, float cap) { return cap * tanh(z / cap) - (z - z); }

}  // namespace verbatim::spec
