// ConventionalBackend: the control group. It computes the same models as other engines do, so that `verbatim lab` and
// `verbatim bench` can show what that costs and what it buys.
//
// It is ordinary code, and it does not keep the contract (spec/): its answers depend on what else the server does. Every
// choice that follows the load is one that an engine in wide use makes:
//   linear      a gemv for one row, a gemm for more, and the library's own choice of kernel for each shape. (cuBLAS and
//               OpenBLAS choose by shape; llama.cpp's CUDA backend has kernels of their own for up to 8 rows,
//               ggml-cuda/mmvq.cuh MMVQ_MAX_BATCH_SIZE.)
//   rms_norm    1024 partial sums below 256 rows, 256 from there on (vLLM, csrc/layernorm_kernels.cu: max_block_size)
//   attention   one decode row and 512 tokens or more: the context is split among the threads and merged, as
//               flash-decoding does (Dao et al. 2023; llama.cpp, ggml-cpu/ops.cpp: use_split_kv_path); otherwise rows
//               and heads are divided
//   precision   what passes from one operation to the next is rounded to bf16, logits included; sums are float32 (vLLM
//               and transformers with dtype bfloat16)
// Weights are the contract's integers times their scales, so the models are equal; they are unpacked to float32 when
// first used and stay so (4 bytes a weight beside the packed ones). What is no sum is computed by the same vector code
// as in the other backends.
//
// REQUIRES: weights live as long as the backend; KV pages of 16 bits (an element is a bf16)
#pragma once

#include <memory>

#include "backend/conventional/blas.h"
#include "backend/cpu/float_ops.h"
#include "ops/ops.h"

namespace verbatim {

inline constexpr std::string_view kConventional = "conventional";

// ops: of the instruction set to use for what is no sum
std::unique_ptr<Backend> make_conventional_backend(const Blas& blas, const cpu::FloatOps& ops, int threads);

}  // namespace verbatim
