// The integer kernel on Armv8.2 NEON: sdot, 16 multiply-adds an instruction, on int8 limb planes.
//
// One quad of a panel is four vectors of (4 rows x 4 columns); an activation quad is broadcast by its load.
// An int32 lane is one row: |sum| <= 127 * 127 * K stays below 2^31 for K = 131072 < 133,144, the length of a
// slab.
#include <arm_neon.h>

#include "backend/cpu/gemm_blocked.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kI4SlabColumns = 512;  // 8 KiB of int8, in the first cache

// offset + step * code as an i8 slab of `columns` columns (a multiple of 32). Bytes multiply modulo 256,
// which loses nothing: the result is known to be an int8.
//   codes, steps: of the slab's first group, see ops/panels.h
void unpack_i4(const std::int8_t* codes, const std::int8_t* steps, std::int64_t columns, std::int8_t* to) {
  alignas(16) static constexpr std::uint8_t kFirstRows[16] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
  const int8x16_t nibble = vdupq_n_s8(15);
  for (std::int64_t group = 0; group < columns / kI4Group; ++group) {
    for (int v = 0; v < 4; ++v) {  // rows 4 v .. 4 v + 3
      const uint8x16_t rows = vaddq_u8(vld1q_u8(kFirstRows), vdupq_n_u8(static_cast<std::uint8_t>(4 * v)));
      const int8x16_t step = vqtbl1q_s8(vld1q_s8(steps), rows);
      const int8x16_t offset = vqtbl1q_s8(vld1q_s8(steps + kPanelRows), rows);
      for (int quad = 0; quad < 4; ++quad) {
        const int8x16_t pair = vld1q_s8(codes + quad * 64 + v * 16);
        const int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(vreinterpretq_u8_s8(pair), 4));
        vst1q_s8(to + quad * 64 + v * 16, vmlaq_s8(offset, step, vandq_s8(pair, nibble)));
        vst1q_s8(to + (quad + 4) * 64 + v * 16, vmlaq_s8(offset, step, high));
      }
    }
    codes += kI4Group * kPanelRows / 2;
    steps += 2 * kPanelRows;
    to += kI4Group * kPanelRows;
  }
}

struct NeonDot {
  using Element = std::int8_t;
  using Weight = std::int8_t;
  using WeightVector = int8x16_t;
  using Vector = int32x4_t;
  using PanelOut = NoPanelOut;
  static constexpr bool kDirect = false;
  static constexpr int kVectors = 4, kRows = 3, kChains = 8, kUnroll = 1;
  static constexpr std::int64_t kScratchWeights = kI4SlabColumns * kPanelRows;

  static const std::int8_t* elements(const GemmRows& x) { return x.planes; }
  static int planes(WeightKind kind) { return limbs_of(kind); }
  static std::int64_t slab_columns(WeightKind kind) {
    return kind == WeightKind::i4 ? kI4SlabColumns : 131072;
  }
  static double start(const GemmRows&, std::int64_t, int) { return 0; }

  static const std::int8_t* slab(WeightKind kind, const std::int8_t* panel, std::int64_t k, int plane,
                                 std::int64_t k0, std::int64_t columns, std::int8_t* scratch) {
    if (kind != WeightKind::i4) return panel + plane * plane_bytes(k) + k0 * kPanelRows;
    unpack_i4(panel + i4_codes_bytes(k0), panel + i4_codes_bytes(k) + k0, columns, scratch);
    return scratch;
  }

  static int8x16_t load_weights(const std::int8_t* w) { return vld1q_s8(w); }
  static int8x16_t broadcast(const std::int8_t* x) {
    std::int32_t quad;
    __builtin_memcpy(&quad, x, sizeof quad);
    return vreinterpretq_s8_s32(vdupq_n_s32(quad));
  }
  static int32x4_t add(int32x4_t a, int32x4_t b) { return vaddq_s32(a, b); }
  static int32x4_t multiply_add(int32x4_t acc, int8x16_t w, int8x16_t x) { return vdotq_s32(acc, w, x); }
  static void add_to_sum(const int32x4_t (&acc)[4], double unit, double* sum) {
    const auto add_two = [unit](double* to, int32x2_t rows) {
      const float64x2_t scaled = vmulq_n_f64(vcvtq_f64_s64(vmovl_s32(rows)), unit);
      vst1q_f64(to, vaddq_f64(vld1q_f64(to), scaled));
    };
    for (int v = 0; v < 4; ++v) {
      add_two(sum + 4 * v, vget_low_s32(acc[v]));
      add_two(sum + 4 * v + 2, vget_high_s32(acc[v]));
    }
  }

  template <int R, int L>
  static void tile(const TileArgs<NeonDot>& t) {
    register_tile<NeonDot, R, L>(t);
  }
};

void gemm(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  x.limbs == 2 ? gemm_blocked<NeonDot, 2>(x, w, out) : gemm_blocked<NeonDot, 1>(x, w, out);
}

}  // namespace

constexpr GemmKernel kGemmNeon{RowForm::planes8, gemm};

}  // namespace verbatim::cpu
