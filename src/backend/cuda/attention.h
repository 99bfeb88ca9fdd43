// attention's kernels, and the memory that they need besides the caller's.
#pragma once

#include "backend/cuda/stream.h"
#include "ops/ops.h"

namespace verbatim::cuda {

// attention.cu: any head, any card
void attention_portable(const Stream& stream, const AttentionArgs& args, const float* q, const StepView& step,
                        const KvPages& cache, float* y, Faults faults);

// Queries as integers: (rows, heads)[limb][head_dim], and s_q c of each.
struct QueryRows {
  std::int8_t* q = nullptr;
  float* scale = nullptr;
};

struct AttentionScratch {
  std::int64_t slots;  // rows of a share, 0: there are no shares
  std::int64_t query_bytes, query_scales, share_floats;
};
AttentionScratch attention_scratch(const AttentionArgs& args, const StepView& step, const KvShape& shape);

// attention_tiles.cu: where KvLayout has tiles.   queries, shares: as large as `scratch` says
void attention_tiles(const Stream& stream, const AttentionArgs& args, const float* q, const StepView& step,
                     const KvPages& cache, const QueryRows& queries, const AttentionScratch& scratch,
                     float* shares, float* y, Faults faults);

}  // namespace verbatim::cuda
