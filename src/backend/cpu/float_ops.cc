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

}  // namespace verbatim::cpu
