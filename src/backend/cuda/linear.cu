// linear on any GPU: integer dot products of four bytes at a time (dp4a), a thread an output.
//
// Sums of limb products are exact in 32 bits for up to 2^16 columns: 2 * 2^16 * 127 * 127 < 2^31.
#include "backend/cuda/launch.cuh"
#include "backend/cuda/linear.h"
#include "backend/cuda/weight.cuh"
#include "spec/linear.h"

namespace verbatim::cuda {
namespace {

constexpr int kThreads = 128;  // outputs of a block
constexpr int kTokens = 4;     // rows of a block
constexpr std::int64_t kMostColumns = 1 << 16;

// Four columns of one weight row, a byte each.
struct Quad {
  int high, low;  // one limb: high
};

struct LimbReader {
  const std::byte* w;
  WeightKind kind;
  std::int64_t blocks, n;
  __device__ LimbReader(const Outputs& of, WeightKind of_kind, const CodeForm&, std::int64_t k,
                        std::int64_t output)
      : w(of.w), kind(of_kind), blocks(blocks_of(k)), n(output) {}
  __device__ int limb(std::int64_t quad, int number) const {
    return *reinterpret_cast<const int*>(w + limb_at(kind, blocks, n, quad * kQuad, number));
  }
  __device__ Quad operator()(std::int64_t quad) const {
    return {limb(quad, 0), limbs_of(kind) == 2 ? limb(quad, 1) : 0};
  }
};

struct CodeReader {
  const std::byte* panel;
  CodeForm form;
  int row;
  __device__ CodeReader(const Outputs& of, WeightKind, const CodeForm& of_kind, std::int64_t k,
                        std::int64_t n)
      : form(of_kind), row(static_cast<int>(n % kPanelRows)) {
    panel = of.w + n / kPanelRows * (padded_columns(k) / kColumnPad * block_bytes(form));
  }
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

// y[row][n] of kTokens rows and kThreads outputs.   form: of the kind, which a device cannot look up
template <class Reader, int kLimbsX, int kLimbsW, bool kThree>
__global__ void outputs(FixRows x, Outputs of, WeightKind kind, CodeForm form) {
  begin_kernel();
  const std::int64_t blocks = (of.n + kThreads - 1) / kThreads;
  const std::int64_t n = blockIdx.x % blocks * kThreads + threadIdx.x, first = blockIdx.x / blocks * kTokens;
  if (n >= of.n) return;
  const Reader reader(of, kind, form, x.k, n);
  const RowLayout layout(x);
  const std::int64_t tokens = min(std::int64_t{kTokens}, x.rows - first);
  const auto x_quad = [&](std::int64_t token, int limb, std::int64_t quad) {
    return *reinterpret_cast<const int*>(x.q + layout.at(token, limb, quad * kQuad));
  };
  int high[kTokens] = {}, middle[kTokens] = {}, low[kTokens] = {};
  for (std::int64_t quad = 0; quad < padded_columns(x.k) / kQuad; ++quad) {
    const Quad of_w = reader(quad);
    for (int t = 0; t < kTokens; ++t) {
      if (t >= tokens) break;
      const int x_high = x_quad(first + t, 0, quad);
      high[t] = __dp4a(x_high, of_w.high, high[t]);
      if constexpr (kLimbsW == 2) middle[t] = __dp4a(x_high, of_w.low, middle[t]);
      if constexpr (kLimbsX == 2) {
        const int x_low = x_quad(first + t, 1, quad);
        middle[t] = __dp4a(x_low, of_w.high, middle[t]);
        if constexpr (kLimbsW == 2 && !kThree) low[t] = __dp4a(x_low, of_w.low, low[t]);
      }
    }
  }
  for (int t = 0; t < tokens; ++t) {
    std::int64_t sum = high[t];
    if constexpr (kLimbsX + kLimbsW == 3) sum = sum * 128 + middle[t];
    if constexpr (kLimbsX + kLimbsW == 4) sum = sum * 16384 + std::int64_t{middle[t]} * 128 + low[t];
    const float product = spec::scale_dot(sum, x.scale[first + t], of.scale[n]);
    of.y[(first + t) * of.n + n] = of.bias ? product + of.bias[n] : product;
  }
}

using Kernel = void (*)(FixRows, Outputs, WeightKind, CodeForm);

Kernel kernel_of(int limbs_x, WeightKind kind) {
  if (holds_codes(kind))
    return limbs_x == 2 ? outputs<CodeReader, 2, 2, false> : outputs<CodeReader, 1, 2, false>;
  if (limbs_of(kind) == 2)
    return limbs_x == 2 ? outputs<LimbReader, 2, 2, true> : outputs<LimbReader, 1, 2, false>;
  return limbs_x == 2 ? outputs<LimbReader, 2, 1, false> : outputs<LimbReader, 1, 1, false>;
}

}  // namespace

void linear_portable(const Stream& stream, const Linear& linear) {
  CHECK(linear.k <= kMostColumns, "a matrix has more columns than sums of 32 bits hold");
  for (int i = 0; i < linear.jobs; ++i) {
    const Outputs& of = linear.job[i];
    const std::int64_t blocks = (of.n + kThreads - 1) / kThreads * ((linear.x.rows + kTokens - 1) / kTokens);
    launch(stream, kernel_of(linear.x.form.limbs, linear.kind), blocks, kThreads, 0, linear.x, of,
           linear.kind, code_form(linear.kind));
  }
}

}  // namespace verbatim::cuda
