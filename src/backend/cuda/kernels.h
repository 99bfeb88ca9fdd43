// The kernels, as functions that enqueue them. Pointers are into the device's memory; shapes as in ops/ops.h.
#pragma once

#include "backend/cuda/stream.h"
#include "ops/ops.h"

namespace verbatim::cuda {

// rows.cu
void embed(const Stream& stream, const PackedMatrix& table, const std::int32_t* tokens, std::int64_t rows,
           float* y);
void quantise(const Stream& stream, const float* x, const FixRows& out, Faults faults);
void unpack_rows(const Stream& stream, const FixRows& x, std::int16_t* q);
void rms_norm_quantise(const Stream& stream, const float* x, const float* gain, float epsilon,
                       const FixRows& out, Faults faults);
void rms_norm(const Stream& stream, float* x, const float* gain, float epsilon, std::int64_t rows,
              std::int64_t k);
void gate_quantise(const Stream& stream, const spec::Gating& gating, const float* gate, const float* up,
                   const FixRows& out, Faults faults);
void add(const Stream& stream, float* x, const float* y, float factor, std::int64_t count);
void scale(const Stream& stream, float* x, float factor, std::int64_t count);
void softcap(const Stream& stream, float* x, float cap, std::int64_t count);
void gather(const Stream& stream, const float* x, const std::int32_t* index, std::int64_t rows,
            std::int64_t k, float* y);
void check_finite(const Stream& stream, const float* x, std::int64_t rows, std::int64_t k, Faults faults);
void rope_table(const Stream& stream, const double* frequencies, std::int64_t pairs, double mscale,
                const std::int32_t* positions, std::int64_t rows, float* cosine, float* sine);
void rope(const Stream& stream, const RopeArgs& args, std::int64_t rows, float* x);

// moe.cu   q: (x.rows, x.k), the integers of x as unpack_rows gives them
void route(const Stream& stream, const spec::Router& router, const float* z, std::int64_t rows,
           std::int32_t* experts, float* weights);
void linear_experts(const Stream& stream, const FixRows& x, const std::int16_t* q,
                    const std::int32_t* experts, std::int64_t chosen, const ExpertsJob& job);
void moe_sum(const Stream& stream, const ExpertSum& of, std::int64_t rows, std::int64_t d, float* y);

// place.cu   from: on the device, as on the host (ops/panels.h); to: as in layout.h
void lay_out(const Stream& stream, const PackedMatrix& from, std::byte* to);

// attention.cu
void store_kv(const Stream& stream, const float* k, const float* v, const StepView& step, std::int64_t layer,
              const KvPages& cache, Faults faults);
void unpack_kv(const Stream& stream, const KvPages& cache, std::int64_t page, std::int64_t layer,
               std::int64_t kv_head, std::int16_t* keys, std::int16_t* values);

// draw.cu   draws: in the device's memory
void draw(const Stream& stream, const float* z, std::int64_t vocab, const PlainDraw* draws,
          std::int64_t count, std::int32_t* tokens);

}  // namespace verbatim::cuda
