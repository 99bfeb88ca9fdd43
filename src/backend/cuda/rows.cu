// Operations whose body sees one row: a block of threads has it in shared memory.
#include "backend/cuda/block.cuh"
#include "backend/cuda/kernels.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/weight.cuh"
#include "spec/rms_norm.h"
#include "spec/rope.h"
#include "spec/scale.h"
#include "spec/softcap.h"

namespace verbatim::cuda {
namespace {

extern __shared__ float row_values[];  // (k) of the block's row

// ---- Where a row's values come from: all threads call; then row_values is whole ----

struct AsTheyAre {
  const float* x;
  __device__ void load(std::int64_t row, std::int64_t k) const {
    for (std::int64_t i = threadIdx.x; i < k; i += blockDim.x) row_values[i] = x[row * k + i];
    __syncthreads();
  }
};

// spec/rms_norm.h
struct Normed {
  const float *x, *gain;
  float epsilon;
  __device__ void load(std::int64_t row, std::int64_t k) const {
    AsTheyAre{x}.load(row, k);
    const float squares =
        lanes64(row_values, k, [](float lane, float value) { return spec::fma(value, value, lane); });
    const float r = spec::rms_reciprocal(squares, k, epsilon);
    for (std::int64_t i = threadIdx.x; i < k; i += blockDim.x) row_values[i] = (row_values[i] * r) * gain[i];
    __syncthreads();
  }
};

// spec/gating.h
struct Gated {
  spec::Gating gating;
  const float *gate, *up;
  __device__ void load(std::int64_t row, std::int64_t k) const {
    for (std::int64_t i = threadIdx.x; i < k; i += blockDim.x)
      row_values[i] = spec::gated(gating, gate[row * k + i], up[row * k + i]);
    __syncthreads();
  }
};

// ---- Quantising ----

template <class Source>
__global__ void quantise_rows(Source source, FixRows out, std::int64_t rotation, Faults faults) {
  const std::int64_t row = blockIdx.x, k = out.k, padded = padded_columns(k);
  source.load(row, k);
  if (out.form.rotated) hadamard(row_values, k, rotation);
  const spec::FixScale s = scale_of(row_values, k, out.form.limbs);
  auto* high = reinterpret_cast<std::int8_t*>(out.q) + row * row_stride(k);
  auto* low = high + padded;
  for (std::int64_t i = threadIdx.x; i < padded; i += blockDim.x) {
    const int q = i < k ? integer_of(row_values[i], s, out.form.limbs) : 0;
    high[i] = static_cast<std::int8_t>(out.form.limbs == 2 ? spec::high_limb(q) : q);
    if (out.form.limbs == 2) low[i] = static_cast<std::int8_t>(spec::low_limb(q));
  }
  if (threadIdx.x > 0) return;
  out.scale[row] = s.scale;
  if (!s.finite) atomicCAS(faults.place_of(row), 0u, faults.site);
}

template <class Source>
void start(cudaStream_t stream, const Source& source, const FixRows& out, Faults faults) {
  launch(stream, quantise_rows<Source>, out.rows, kRowThreads,
         static_cast<std::size_t>(out.k) * sizeof(float), source, out, out.rotation(), faults);
}

__global__ void unpack(FixRows x, std::int16_t* q) {
  const std::int64_t at = element();
  if (at >= x.rows * x.k) return;
  const auto* high = reinterpret_cast<const std::int8_t*>(x.q) + at / x.k * row_stride(x.k) + at % x.k;
  q[at] = static_cast<std::int16_t>(x.form.limbs == 2 ? 128 * *high + high[padded_columns(x.k)] : *high);
}

// ---- Floats to floats ----

__global__ void norm_rows(float* x, const float* gain, float epsilon, std::int64_t k) {
  Normed{x, gain, epsilon}.load(blockIdx.x, k);
  for (std::int64_t i = threadIdx.x; i < k; i += blockDim.x) x[blockIdx.x * k + i] = row_values[i];
}

__global__ void embed_rows(PackedMatrix table, CodeForm form, std::int64_t rotation,
                           const std::int32_t* tokens, float* y) {
  const std::int64_t token = tokens[blockIdx.x];
  for (std::int64_t i = threadIdx.x; i < table.k; i += blockDim.x)
    row_values[i] = static_cast<float>(weight_at(table, form, token, i));
  hadamard(row_values, table.k, rotation);
  for (std::int64_t i = threadIdx.x; i < table.k; i += blockDim.x)
    y[blockIdx.x * table.k + i] = row_values[i] * table.scale[token];
}

__global__ void add_elements(float* x, const float* y, float factor, std::int64_t count) {
  const std::int64_t i = element();
  if (i < count) x[i] = spec::add_scaled(x[i], y[i], factor);
}

__global__ void scale_elements(float* x, float factor, std::int64_t count) {
  const std::int64_t i = element();
  if (i < count) x[i] = spec::scaled(x[i], factor);
}

__global__ void cap_elements(float* x, float cap, std::int64_t count) {
  const std::int64_t i = element();
  if (i < count) x[i] = spec::softcap(x[i], cap);
}

__global__ void gather_elements(const float* x, const std::int32_t* index, std::int64_t rows, std::int64_t k,
                                float* y) {
  const std::int64_t at = element();
  if (at < rows * k) y[at] = x[index[at / k] * k + at % k];
}

__global__ void check_rows(const float* x, std::int64_t k, Faults faults) {
  const std::int64_t row = blockIdx.x;
  bool finite = true;
  for (std::int64_t i = threadIdx.x; i < k; i += blockDim.x)
    finite = finite && (__float_as_uint(x[row * k + i]) & 0x7f800000u) != 0x7f800000u;
  if (!__syncthreads_and(finite) && threadIdx.x == 0) atomicCAS(faults.place_of(row), 0u, faults.site);
}

// ---- Rotations ----

__global__ void table_elements(const double* frequencies, std::int64_t pairs, double mscale,
                               const std::int32_t* positions, std::int64_t rows, float* cosine, float* sine) {
  const std::int64_t at = element();
  if (at >= rows * pairs) return;
  const double frequency = frequencies[at % pairs];
  spec::rope_row({&frequency, 1}, mscale, positions[at / pairs], cosine + at, sine + at);
}

__global__ void rotate_pairs(RopeArgs args, std::int64_t rows, float* x) {
  const std::int64_t at = element(), half = args.rotated / 2;
  if (at >= rows * args.heads * half) return;
  const std::int64_t i = at % half, head = at / half, row = head / args.heads;
  float* of_head = x + head * args.head_dim;
  const std::int64_t first = args.interleaved ? 2 * i : i, second = args.interleaved ? 2 * i + 1 : i + half;
  spec::rotate(of_head[first], of_head[second], args.cosine[row * half + i], args.sine[row * half + i]);
}

}  // namespace

void embed(cudaStream_t stream, const PackedMatrix& table, const std::int32_t* tokens, std::int64_t rows,
           float* y) {
  launch(stream, embed_rows, rows, kRowThreads, static_cast<std::size_t>(table.k) * sizeof(float), table,
         code_form(table.kind), table.rotation(), tokens, y);
}

void quantise(cudaStream_t stream, const float* x, const FixRows& out, Faults faults) {
  start(stream, AsTheyAre{x}, out, faults);
}

void rms_norm_quantise(cudaStream_t stream, const float* x, const float* gain, float epsilon,
                       const FixRows& out, Faults faults) {
  start(stream, Normed{x, gain, epsilon}, out, faults);
}

void gate_quantise(cudaStream_t stream, const spec::Gating& gating, const float* gate, const float* up,
                   const FixRows& out, Faults faults) {
  start(stream, Gated{gating, gate, up}, out, faults);
}

void unpack_rows(cudaStream_t stream, const FixRows& x, std::int16_t* q) {
  launch_elements(stream, unpack, x.rows * x.k, x, q);
}

void rms_norm(cudaStream_t stream, float* x, const float* gain, float epsilon, std::int64_t rows,
              std::int64_t k) {
  launch(stream, norm_rows, rows, kRowThreads, static_cast<std::size_t>(k) * sizeof(float), x, gain, epsilon,
         k);
}

void add(cudaStream_t stream, float* x, const float* y, float factor, std::int64_t count) {
  launch_elements(stream, add_elements, count, x, y, factor, count);
}

void scale(cudaStream_t stream, float* x, float factor, std::int64_t count) {
  launch_elements(stream, scale_elements, count, x, factor, count);
}

void softcap(cudaStream_t stream, float* x, float cap, std::int64_t count) {
  launch_elements(stream, cap_elements, count, x, cap, count);
}

void gather(cudaStream_t stream, const float* x, const std::int32_t* index, std::int64_t rows, std::int64_t k,
            float* y) {
  launch_elements(stream, gather_elements, rows * k, x, index, rows, k, y);
}

void check_finite(cudaStream_t stream, const float* x, std::int64_t rows, std::int64_t k, Faults faults) {
  launch(stream, check_rows, rows, kRowThreads, 0, x, k, faults);
}

void rope_table(cudaStream_t stream, const double* frequencies, std::int64_t pairs, double mscale,
                const std::int32_t* positions, std::int64_t rows, float* cosine, float* sine) {
  launch_elements(stream, table_elements, rows * pairs, frequencies, pairs, mscale, positions, rows, cosine,
                  sine);
}

void rope(cudaStream_t stream, const RopeArgs& args, std::int64_t rows, float* x) {
  launch_elements(stream, rotate_pairs, rows * args.heads * (args.rotated / 2), args, rows, x);
}

}  // namespace verbatim::cuda
