// linear on any GPU: integer dot products of four bytes at a time (dp4a), a thread an output.
//
// Sums of limb products are exact in 32 bits for up to 2^17 columns: 2^17 * 127 * 127 < 2^31.
#include "backend/cuda/kernels.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/weight.cuh"
#include "spec/linear.h"

namespace verbatim::cuda {
namespace {

constexpr int kThreads = 128;  // outputs of a block
constexpr int kTokens = 4;     // rows of a block
constexpr std::int64_t kMostColumns = 1 << 17;

// Four columns of one weight row, a byte each.
struct Quad {
  int high, low;  // one limb: high
};

struct LimbReader {
  const std::byte* panel;
  std::int64_t plane;
  int row;
  __device__ LimbReader(const PackedMatrix& w, const CodeForm&, std::int64_t n)
      : panel(w.data + n / kPanelRows * plane_bytes(w.k_padded()) * limbs_of(w.kind)),
        plane(limbs_of(w.kind) == 2 ? plane_bytes(w.k_padded()) : 0),
        row(static_cast<int>(n % kPanelRows)) {}
  __device__ Quad operator()(std::int64_t quad) const {
    const std::byte* at = panel + (quad * kPanelRows + row) * kQuad;
    return {*reinterpret_cast<const int*>(at), *reinterpret_cast<const int*>(at + plane)};
  }
};

struct CodeReader {
  const std::byte* panel;
  CodeForm form;
  int row;
  __device__ CodeReader(const PackedMatrix& w, const CodeForm& of, std::int64_t n)
      : panel(w.data + n / kPanelRows * (w.k_padded() / kColumnPad * block_bytes(of))),
        form(of),
        row(static_cast<int>(n % kPanelRows)) {}
  __device__ Quad operator()(std::int64_t quad) const {
    Quad limbs{0, 0};
    for (int i = 0; i < kQuad; ++i) {
      const int w = code_weight_at(form, panel, row, quad * kQuad + i);
      limbs.high |= (spec::high_limb(w) & 255) << 8 * i;
      limbs.low |= (spec::low_limb(w) & 255) << 8 * i;
    }
    return limbs;
  }
};

// y[row][n] of kTokens rows and kThreads outputs.
template <class Reader, int kLimbsX, int kLimbsW, bool kThree>
__global__ void outputs(FixRows x, PackedMatrix w, CodeForm form, const float* bias, float* y) {
  const std::int64_t blocks = (w.n + kThreads - 1) / kThreads;
  const std::int64_t n = blockIdx.x % blocks * kThreads + threadIdx.x, first = blockIdx.x / blocks * kTokens;
  if (n >= w.n) return;
  const Reader reader(w, form, n);
  const std::int64_t padded = w.k_padded(), tokens = min(std::int64_t{kTokens}, x.rows - first);
  int high[kTokens] = {}, middle[kTokens] = {}, low[kTokens] = {};
  for (std::int64_t quad = 0; quad < padded / kQuad; ++quad) {
    const Quad of_w = reader(quad);
    for (int t = 0; t < kTokens; ++t) {
      if (t >= tokens) break;
      const std::byte* at = x.q + (first + t) * row_stride(x.k) + quad * kQuad;
      const int x_high = *reinterpret_cast<const int*>(at);
      high[t] = __dp4a(x_high, of_w.high, high[t]);
      if constexpr (kLimbsW == 2) middle[t] = __dp4a(x_high, of_w.low, middle[t]);
      if constexpr (kLimbsX == 2) {
        const int x_low = *reinterpret_cast<const int*>(at + padded);
        if constexpr (kLimbsW == 2) {
          middle[t] = __dp4a(x_low, of_w.high, middle[t]);
          if constexpr (!kThree) low[t] = __dp4a(x_low, of_w.low, low[t]);
        } else {
          middle[t] = __dp4a(x_low, of_w.high, middle[t]);
        }
      }
    }
  }
  for (int t = 0; t < tokens; ++t) {
    std::int64_t sum = high[t];
    if constexpr (kLimbsX + kLimbsW == 3) sum = sum * 128 + middle[t];
    if constexpr (kLimbsX + kLimbsW == 4) sum = sum * 16384 + std::int64_t{middle[t]} * 128 + low[t];
    const float product = spec::scale_dot(sum, x.scale[first + t], w.scale[n]);
    y[(first + t) * w.n + n] = bias ? product + bias[n] : product;
  }
}

using Kernel = void (*)(FixRows, PackedMatrix, CodeForm, const float*, float*);

Kernel kernel_of(int limbs_x, WeightKind kind) {
  if (holds_codes(kind))
    return limbs_x == 2 ? outputs<CodeReader, 2, 2, false> : outputs<CodeReader, 1, 2, false>;
  if (limbs_of(kind) == 2)
    return limbs_x == 2 ? outputs<LimbReader, 2, 2, true> : outputs<LimbReader, 1, 2, false>;
  return limbs_x == 2 ? outputs<LimbReader, 2, 1, false> : outputs<LimbReader, 1, 1, false>;
}

}  // namespace

void linear(cudaStream_t stream, const FixRows& x, const LinearJob& job) {
  const PackedMatrix& w = *job.w;
  CHECK(w.k_padded() <= kMostColumns, "a matrix has more columns than sums of 32 bits hold");
  const std::int64_t blocks = (w.n + kThreads - 1) / kThreads * ((x.rows + kTokens - 1) / kTokens);
  launch(stream, kernel_of(x.form.limbs, w.kind), blocks, kThreads, 0, x, w, code_form(w.kind), job.bias,
         job.y);
}

}  // namespace verbatim::cuda
