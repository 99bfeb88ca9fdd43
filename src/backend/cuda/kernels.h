// The kernels, as functions that enqueue them. Pointers are into the device's memory; shapes as in ops/ops.h.
#pragma once

#include <cuda_runtime_api.h>

#include "ops/ops.h"

namespace verbatim::cuda {

// Fix rows of this backend: row r has its high limbs at q + r * row_stride(k), its low limbs k_padded behind them; zeros past k.
constexpr std::int64_t row_stride(std::int64_t k) { return 2 * padded_columns(k); }

// rows.cu
void embed(cudaStream_t stream, const PackedMatrix& table, const std::int32_t* tokens, std::int64_t rows,
           float* y);
void quantise(cudaStream_t stream, const float* x, const FixRows& out, Faults faults);
void unpack_rows(cudaStream_t stream, const FixRows& x, std::int16_t* q);
void rms_norm_quantise(cudaStream_t stream, const float* x, const float* gain, float epsilon,
                       const FixRows& out, Faults faults);
void rms_norm(cudaStream_t stream, float* x, const float* gain, float epsilon, std::int64_t rows,
              std::int64_t k);
void gate_quantise(cudaStream_t stream, const spec::Gating& gating, const float* gate, const float* up,
                   const FixRows& out, Faults faults);
void add(cudaStream_t stream, float* x, const float* y, float factor, std::int64_t count);
void scale(cudaStream_t stream, float* x, float factor, std::int64_t count);
void softcap(cudaStream_t stream, float* x, float cap, std::int64_t count);
void gather(cudaStream_t stream, const float* x, const std::int32_t* index, std::int64_t rows, std::int64_t k,
            float* y);
void check_finite(cudaStream_t stream, const float* x, std::int64_t rows, std::int64_t k, Faults faults);
void rope_table(cudaStream_t stream, const double* frequencies, std::int64_t pairs, double mscale,
                const std::int32_t* positions, std::int64_t rows, float* cosine, float* sine);
void rope(cudaStream_t stream, const RopeArgs& args, std::int64_t rows, float* x);

// linear.cu
void linear(cudaStream_t stream, const FixRows& x, const LinearJob& job);

// moe.cu   q: (x.rows, x.k), the integers of x as unpack_rows gives them
void route(cudaStream_t stream, const spec::Router& router, const float* z, std::int64_t rows,
           std::int32_t* experts, float* weights);
void linear_experts(cudaStream_t stream, const FixRows& x, const std::int16_t* q, const std::int32_t* experts,
                    std::int64_t chosen, const ExpertsJob& job);
void moe_sum(cudaStream_t stream, const ExpertSum& of, std::int64_t rows, std::int64_t d, float* y);

// attention.cu
void store_kv(cudaStream_t stream, const float* k, const float* v, const StepView& step, std::int64_t layer,
              const KvPages& cache, Faults faults);
void attention(cudaStream_t stream, const AttentionArgs& args, const float* q, const StepView& step,
               const KvPages& cache, float* y, Faults faults);

// draw.cu   draws: in the device's memory
void draw(cudaStream_t stream, const float* z, std::int64_t vocab, const PlainDraw* draws, std::int64_t count,
          std::int32_t* tokens);

}  // namespace verbatim::cuda
