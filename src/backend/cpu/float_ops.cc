#include "backend/cpu/float_ops.h"

#include "spec/fix.h"
#include "spec/rms_norm.h"

namespace verbatim::cpu {

RowScale row_scale_of(float max_abs, int limbs) {
  spec::FixScale s = spec::fix_scale(max_abs, limbs);
  return {s.scale, s.reciprocal, s.finite};
}

float rms_reciprocal_of(float sum_of_squares, std::int64_t k, float epsilon) {
  return spec::rms_reciprocal(sum_of_squares, k, epsilon);
}

void gate_row(const FloatOps& ops, const spec::Gating& gating, const float* gate, const float* up,
              std::int64_t k, float* y) {
  switch (gating.form) {
    case spec::GatingForm::swiglu:
      return ops.swiglu(gate, up, k, y);
    case spec::GatingForm::geglu_tanh:
      return ops.geglu_tanh(gate, up, k, y);
    case spec::GatingForm::geglu_erf:
      return ops.geglu_erf(gate, up, k, y);
    case spec::GatingForm::clamped_swiglu:
      return ops.clamped_swiglu(gate, up, gating.clamped.alpha, gating.clamped.limit, k, y);
  }
}

}  // namespace verbatim::cpu
