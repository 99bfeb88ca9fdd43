// gating: which function of (gate, up) a feed-forward has, as a value.
//
// Meaning   y = gated(gate, up) by one of the pages swiglu.h, gelu.h (two forms), clamped_swiglu.h, whose roundings they are.
// Shapes    gate, up: scalars, applied elementwise to (hidden)
// Order     none: elements are independent.
#pragma once

#include <cstdint>

#include "spec/clamped_swiglu.h"
#include "spec/gelu.h"
#include "spec/swiglu.h"

namespace verbatim::spec {

enum class GatingForm : std::uint8_t { swiglu, geglu_tanh, geglu_erf, clamped_swiglu };

struct Gating {
  GatingForm form = GatingForm::swiglu;
  ClampedSwiglu clamped;  // of clamped_swiglu
};

constexpr float gated(const Gating& gating, float gate, float up) {
  switch (gating.form) {
    case GatingForm::geglu_tanh:
      return geglu_tanh(gate, up);
    case GatingForm::geglu_erf:
      return geglu_erf(gate, up);
    case GatingForm::clamped_swiglu:
      return clamped_swiglu(gate, up, gating.clamped);
    case GatingForm::swiglu:
      break;
  }
  return swiglu(gate, up);
}

}  // namespace verbatim::spec
