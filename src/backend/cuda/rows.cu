// Operations whose body sees one row: a block of threads has it in registers.
#include "backend/cuda/kernels.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/layout.h"
#include "backend/cuda/quads.cuh"
#include "backend/cuda/step.cuh"
#include "backend/cuda/weight.cuh"
#include "spec/rms_norm.h"
#include "spec/rope.h"
#include "spec/scale.h"
#include "spec/softcap.h"

namespace verbatim::cuda {
namespace {

// ---- Where a row's values come from ----

struct AsTheyAre {
  const float* x;
  template <int kQuads>
  __device__ void load(std::int64_t row, int k, Quads<kQuads>& values) const {
    values.load(x + row * k, k);
  }
};

// spec/rms_norm.h
struct Normed {
  const float *x, *gain;
  float epsilon;
  template <int kQuads>
  __device__ void load(std::int64_t row, int k, Quads<kQuads>& values) const {
    extern __shared__ float row_values[];
    values.load(x + row * k, k);
    const float r = spec::rms_reciprocal(values.sum_of_squares(row_values, k), k, epsilon);
    values.each([&](float(&v)[4], int i) {
      float g[4];
      Quads<1>::load_quad(gain, i, k, g);
#pragma unroll
      for (int c = 0; c < 4; ++c) v[c] = (v[c] * r) * g[c];
    });
  }
};

// spec/gating.h
template <spec::GatingForm kForm>
struct Gated {
  const float *gate, *up;
  spec::ClampedSwiglu clamped;
  template <int kQuads>
  __device__ void load(std::int64_t row, int k, Quads<kQuads>& values) const {
    values.load(gate + row * k, k);
    values.each([&](float(&v)[4], int i) {
      float u[4];
      Quads<1>::load_quad(up + row * k, i, k, u);
#pragma unroll
      for (int c = 0; c < 4; ++c) v[c] = spec::gated({kForm, clamped}, v[c], u[c]);
    });
  }
};

// spec/embed.h
struct Embedded {
  PackedMatrix table;
  CodeForm form;
  int rotation;
  const std::int32_t* tokens;
  template <int kQuads>
  __device__ void load(std::int64_t row, int k, Quads<kQuads>& values) const {
    const std::int64_t token = tokens[row];
    values.each([&](float(&v)[4], int i) {
#pragma unroll
      for (int c = 0; c < 4; ++c)
        v[c] = i + c < k ? static_cast<float>(weight_at(table, form, token, i + c)) : 0.0f;
    });
    values.rotate(rotation);
    values.each([&](float(&v)[4], int) {
#pragma unroll
      for (float& x : v) x = x * table.scale[token];
    });
  }
};

// ---- What becomes of them ----

template <class Source, int kQuads>
__global__ __launch_bounds__(kMostThreads) void quantise_rows(Source source, FixRows out, RowLayout layout,
                                                              int rotation, Faults faults) {
  begin_kernel();
  const std::int64_t row = blockIdx.x;
  const int k = static_cast<int>(out.k), limbs = out.form.limbs;
  Quads<kQuads> values;
  source.load(row, k, values);
  values.rotate(rotation);
  const spec::FixScale s = spec::fix_scale(__uint_as_float(values.largest_bits()), limbs);
  const int high = layout.row(static_cast<int>(row), 0), low = high + layout.tile,
            end = blocks_of(k) * kBlock;
  values.each([&](const float(&v)[4], int i) {
    if (i >= end) return;
    const LimbWords words = limbs_of_quad(v, s, limbs);
    *reinterpret_cast<std::uint32_t*>(out.q + layout.at_row(high, i)) = words.high;
    if (limbs == 2) *reinterpret_cast<std::uint32_t*>(out.q + layout.at_row(low, i)) = words.low;
  });
  if (threadIdx.x > 0) return;
  out.scale[row] = s.scale;
  if (!s.finite) set_fault(faults, row);
}

template <class Source>
void quantise_from(const Stream& stream, const Source& source, const FixRows& out, Faults faults,
                   std::int64_t shared = 0) {
  with_quads(blocks_of(out.k) * kBlock, [&](auto quads) {
    launch(stream, quantise_rows<Source, quads()>, out.rows, threads_of(blocks_of(out.k) * kBlock),
           static_cast<std::size_t>(shared) * sizeof(float), source, out, RowLayout(out),
           static_cast<int>(out.rotation()), faults);
  });
}

template <class Source, int kQuads>
__global__ __launch_bounds__(kMostThreads) void float_rows(Source source, int k, float* y) {
  begin_kernel();
  Quads<kQuads> values;
  source.load(blockIdx.x, k, values);
  values.store(y + std::int64_t{blockIdx.x} * k, k);
}

template <class Source>
void floats_from(const Stream& stream, const Source& source, std::int64_t rows, std::int64_t k, float* y,
                 std::int64_t shared = 0) {
  with_quads(k, [&](auto quads) {
    launch(stream, float_rows<Source, quads()>, rows, threads_of(k),
           static_cast<std::size_t>(shared) * sizeof(float), source, static_cast<int>(k), y);
  });
}

__global__ void unpack(FixRows x, std::int16_t* q) {
  begin_kernel();
  const std::int64_t at = element();
  if (at >= x.rows * x.k) return;
  const RowLayout layout(x);
  const auto limb = [&](int number) {
    return static_cast<std::int8_t>(x.q[layout.at(at / x.k, number, at % x.k)]);
  };
  q[at] = static_cast<std::int16_t>(x.form.limbs == 2 ? 128 * limb(0) + limb(1) : limb(0));
}

// ---- Element by element ----

__global__ void add_elements(float* x, const float* y, float factor, std::int64_t count) {
  begin_kernel();
  const std::int64_t i = element();
  if (i < count) x[i] = spec::add_scaled(x[i], y[i], factor);
}

__global__ void scale_elements(float* x, float factor, std::int64_t count) {
  begin_kernel();
  const std::int64_t i = element();
  if (i < count) x[i] = spec::scaled(x[i], factor);
}

__global__ void cap_elements(float* x, float cap, std::int64_t count) {
  begin_kernel();
  const std::int64_t i = element();
  if (i < count) x[i] = spec::softcap(x[i], cap);
}

__global__ void gather_elements(const float* x, const std::int32_t* index, std::int64_t rows, std::int64_t k,
                                float* y) {
  begin_kernel();
  const std::int64_t at = element();
  if (at < rows * k) y[at] = x[index[at / k] * k + at % k];
}

constexpr int kChecked = 4096;  // elements of a block

__global__ void check_parts(const float* x, std::int64_t k, Faults faults) {
  begin_kernel();
  const std::int64_t parts = (k + kChecked - 1) / kChecked, row = blockIdx.x / parts;
  const std::int64_t begin = blockIdx.x % parts * kChecked;
  const int count = static_cast<int>(min(std::int64_t{kChecked}, k - begin));
  const float* part = x + row * k + begin;
  bool finite = true;
  for (int i = threadIdx.x; i < count; i += blockDim.x)
    finite = finite && (__float_as_uint(part[i]) & 0x7f800000u) != 0x7f800000u;
  if (!__syncthreads_and(finite) && threadIdx.x == 0) set_fault(faults, row);
}

// ---- Rotations ----

__global__ void table_elements(const double* frequencies, std::int64_t pairs, double mscale,
                               const std::int32_t* positions, std::int64_t rows, float* cosine, float* sine) {
  begin_kernel();
  const std::int64_t at = element();
  if (at >= rows * pairs) return;
  const double frequency = frequencies[at % pairs];
  spec::rope_row({&frequency, 1}, mscale, positions[at / pairs], cosine + at, sine + at);
}

__global__ void rotate_pairs(RopeArgs args, std::int64_t rows, float* x) {
  begin_kernel();
  const std::int64_t at = element(), half = args.rotated / 2;
  if (at >= rows * args.heads * half) return;
  const std::int64_t i = at % half, head = at / half, row = head / args.heads;
  float* of_head = x + head * args.head_dim;
  const std::int64_t first = args.interleaved ? 2 * i : i, second = args.interleaved ? 2 * i + 1 : i + half;
  spec::rotate(of_head[first], of_head[second], args.cosine[row * half + i], args.sine[row * half + i]);
}

}  // namespace

void embed(const Stream& stream, const PackedMatrix& table, const std::int32_t* tokens, std::int64_t rows,
           float* y) {
  floats_from(stream, Embedded{table, code_form(table.kind), static_cast<int>(table.rotation()), tokens},
              rows, table.k, y);
}

void quantise(const Stream& stream, const float* x, const FixRows& out, Faults faults) {
  quantise_from(stream, AsTheyAre{x}, out, faults);
}

void rms_norm_quantise(const Stream& stream, const float* x, const float* gain, float epsilon,
                       const FixRows& out, Faults faults) {
  quantise_from(stream, Normed{x, gain, epsilon}, out, faults, out.k);
}

void gate_quantise(const Stream& stream, const spec::Gating& gating, const float* gate, const float* up,
                   const FixRows& out, Faults faults) {
  using enum spec::GatingForm;
  const auto start = [&]<spec::GatingForm kForm>() {
    quantise_from(stream, Gated<kForm>{gate, up, gating.clamped}, out, faults);
  };
  switch (gating.form) {
    case swiglu:
      return start.template operator()<swiglu>();
    case geglu_tanh:
      return start.template operator()<geglu_tanh>();
    case geglu_erf:
      return start.template operator()<geglu_erf>();
    case clamped_swiglu:
      return start.template operator()<clamped_swiglu>();
  }
}

void unpack_rows(const Stream& stream, const FixRows& x, std::int16_t* q) {
  launch_elements(stream, unpack, x.rows * x.k, x, q);
}

void rms_norm(const Stream& stream, float* x, const float* gain, float epsilon, std::int64_t rows,
              std::int64_t k) {
  floats_from(stream, Normed{x, gain, epsilon}, rows, k, x, k);
}

void add(const Stream& stream, float* x, const float* y, float factor, std::int64_t count) {
  launch_elements(stream, add_elements, count, x, y, factor, count);
}

void scale(const Stream& stream, float* x, float factor, std::int64_t count) {
  launch_elements(stream, scale_elements, count, x, factor, count);
}

void softcap(const Stream& stream, float* x, float cap, std::int64_t count) {
  launch_elements(stream, cap_elements, count, x, cap, count);
}

void gather(const Stream& stream, const float* x, const std::int32_t* index, std::int64_t rows,
            std::int64_t k, float* y) {
  launch_elements(stream, gather_elements, rows * k, x, index, rows, k, y);
}

void check_finite(const Stream& stream, const float* x, std::int64_t rows, std::int64_t k, Faults faults) {
  launch(stream, check_parts, rows * ((k + kChecked - 1) / kChecked), 256, 0, x, k, faults);
}

void rope_table(const Stream& stream, const double* frequencies, std::int64_t pairs, double mscale,
                const std::int32_t* positions, std::int64_t rows, float* cosine, float* sine) {
  launch_elements(stream, table_elements, rows * pairs, frequencies, pairs, mscale, positions, rows, cosine,
                  sine);
}

void rope(const Stream& stream, const RopeArgs& args, std::int64_t rows, float* x) {
  launch_elements(stream, rotate_pairs, rows * args.heads * (args.rotated / 2), args, rows, x);
}

}  // namespace verbatim::cuda
