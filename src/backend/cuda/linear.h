// linear, as all of its kernels take it: matrices of one kind that read the same rows, as one launch.
#pragma once

#include <span>

#include "backend/cuda/layout.h"
#include "backend/cuda/stream.h"
#include "ops/ops.h"

namespace verbatim::cuda {

inline constexpr int kMostJobs = 3;  // q, k and v

// One matrix and its results.
struct Outputs {
  const std::byte* w;
  const float* scale;  // (n)
  const float* bias;   // (n) or nullptr
  float* y;            // (rows, n)
  std::int64_t n;
};

struct Linear {
  Outputs job[kMostJobs];
  int jobs;
  WeightKind kind;
  std::int64_t k;
  FixRows x;
};

// jobs: of one kind, at most kMostJobs
inline Linear linear_of(const FixRows& x, std::span<const LinearJob> jobs) {
  Linear linear{{}, 0, jobs.front().w->kind, x.k, x};
  for (const LinearJob& job : jobs)
    linear.job[linear.jobs++] = {job.w->data, job.w->scale, job.bias, job.y, job.w->n};
  return linear;
}

// linear.cu: any kind, any card
void linear_portable(const Stream& stream, const Linear& linear);

namespace hopper {
// Where tiles that several blocks share leave their sums.
struct PartialSums {
  int* sums = nullptr;
  std::int32_t* counters = nullptr;  // zeros; zeros again when the operation has run
};

// hopper/linear.cu: kinds that hold limbs, on tensor cores of compute capability 9.0
void linear(const Stream& stream, const Linear& linear, const PartialSums& partial);

// What it needs at most.
struct PartialSize {
  std::int64_t sums = 0, counters = 0;
};
PartialSize partial_size(const Stream& stream);
}  // namespace hopper

}  // namespace verbatim::cuda
