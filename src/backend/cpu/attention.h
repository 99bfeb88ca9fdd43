// Attention over the paged KV cache (spec/attention.h), composed of the integer kernel and the row kernels.
//
// The unit of work is a tile: some consecutive query tokens of one segment, with all query heads that share
// one KV head. Their (token, head) rows meet the cache block by block:
//
//   scores = gemm(q, key panels)      rows x 128
//   w      = attend_block(scores)     max, exp, sum and quantisation of each row
//   o_B    = gemm(w, value panels)    rows x head_dim
//   chain  = merge(chain, o_B)
//
// Tiles are independent, and which thread takes which is left to whichever is free.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu/kernels.h"
#include "base/aligned_buffer.h"
#include "ops/ops.h"
#include "parallel/thread_pool.h"

namespace verbatim::cpu {

// One call of Backend::attention.
struct AttentionCall {
  const AttentionArgs& args;
  const float* q;  // (rows, heads * head_dim)
  const StepView& step;
  const KvPages& cache;
  float* y;  // (rows, heads * head_dim)
  Faults faults;
};

// A thread's working memory, grown to the largest tile it has met.
struct AttentionScratch {
  AlignedBuffer<std::byte> q, w;                   // Fix rows: (rows, head_dim), (rows, 128)
  AlignedBuffer<float> q_scale, w_scale;           // (rows)
  AlignedBuffer<float> scores;                     // (rows, 128)
  AlignedBuffer<float> chain_m, chain_l, chain_o;  // (rows), (rows), (rows, head_dim)
  AlignedBuffer<float> block_m, block_l, block_o;
};

// scratch: one a thread of the pool.
void attend(const CpuKernels& kernels, const AttentionCall& call, ThreadPool& pool,
            std::vector<AttentionScratch>& scratch);

}  // namespace verbatim::cpu
