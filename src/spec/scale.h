// scale: a model's own factor, where it has one   (Gemma: embedding; Granite: embedding, residual, scores, logits)
//
// Meaning   y = x * s.  Where a model states no factor, or 1, there is no multiplication (it would change no bit).
//           embedding   the row of embed.h, times s
//           residual    x + branch * s: the branch is rounded first
//           logits      the logit of linear.h, times s = f32(1 / divisor) where a model states a divisor; before softcap.h
//           scores      s takes the place of 1 / sqrt(d) in R1 of attention.h
// Rounding  R1  x * s
//           R2  for the residual: x + R1
// Order     none: elements are independent.
#pragma once

namespace verbatim::spec {

constexpr float scaled(float x, float s) { return x * s; }
constexpr float add_scaled(float x, float branch, float s) { return x + scaled(branch, s); }

}  // namespace verbatim::spec
