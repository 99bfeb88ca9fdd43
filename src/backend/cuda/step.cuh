// What kernels ask of a step: the segment of a row or page, the fault of a row.
#pragma once

#include "ops/ops.h"

namespace verbatim::cuda {

// The number of the last segment whose first(number) is at most x; first does not decrease.
template <class First>
__device__ std::int64_t last_segment(const StepView& step, std::int64_t x, First first) {
  std::int64_t low = 0, high = step.segments - 1;
  while (low < high) {
    const std::int64_t middle = (low + high + 1) / 2;
    if (first(middle) <= x)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

__device__ inline SegmentView segment_of_row(const StepView& step, std::int64_t row) {
  return step.segment[last_segment(step, row, [&](std::int64_t s) { return step.segment[s].first_row; })];
}
__device__ inline SegmentView segment_of_page(const StepView& step, std::int64_t entry) {
  return step.segment[last_segment(step, entry, [&](std::int64_t s) { return step.segment[s].first_page; })];
}

// Threads that share a row may all report it.
__device__ inline void set_fault(Faults faults, std::int64_t row) {
  atomicCAS(faults.place_of(row), 0u, faults.site);
}

}  // namespace verbatim::cuda
