// linear_experts: products of rows with the experts that they see, by the integer kernel of the linear layers.
//
// Rows that see one expert are brought together (backend/expert_groups.h): its weights are read once. A group of one row, as most
// are when one sequence decodes, is computed where it lies. Sums are exact, so no grouping can be seen in a bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/cpu/kernels.h"
#include "base/aligned_buffer.h"
#include "ops/ops.h"
#include "parallel/thread_pool.h"

namespace verbatim::cpu {

// One call of Backend::linear_experts.
struct ExpertsCall {
  const FixRows& x;
  const std::int32_t* experts;  // (x.rows, chosen)
  std::int64_t chosen;
  std::span<const ExpertsJob> jobs;
};

// Working memory, grown to the largest call.
struct ExpertsScratch {
  AlignedBuffer<std::byte> q;           // Fix rows by expert
  AlignedBuffer<float> scale;           // of each
  std::vector<AlignedBuffer<float>> y;  // of each thread: (rows of a group, outputs of a task)
};

void linear_experts(const CpuKernels& kernels, const ExpertsCall& call, ThreadPool& pool,
                    ExpertsScratch& scratch);

}  // namespace verbatim::cpu
