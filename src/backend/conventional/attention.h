// Attention of the control group: an online softmax over blocks of 128 keys (Dao et al. 2022), the products by the
// vendor's gemm. Keys and values lie in the pages as bf16.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/conventional/blas.h"
#include "backend/cpu/float_ops.h"
#include "ops/ops.h"
#include "parallel/thread_pool.h"

namespace verbatim::conventional {

// In how many parts, one a thread, the context of a step's only row is split; 1: it is not.
// As llama.cpp does: ggml-cpu/ops.cpp, use_split_kv_path.
//   rows: of the step   tokens: visible to the row
std::int64_t kv_splits(std::int64_t rows, std::int64_t tokens, int threads);

// k, v: (head_dim) of one token and KV head; slot: its place in the page. Whether all were finite.
bool store_token(const float* k, const float* v, const KvShape& shape, std::int64_t slot, const KvHead& to);

struct AttentionCall {
  const AttentionArgs& args;
  const float* q;  // (rows, heads * head_dim)
  const StepView& step;
  const KvPages& cache;
  float* y;  // like q
};

void attend(const AttentionCall& call, const Blas& blas, const cpu::FloatOps& ops, ThreadPool& pool);

}  // namespace verbatim::conventional
