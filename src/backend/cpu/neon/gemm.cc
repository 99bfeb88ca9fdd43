// The integer kernel on Armv8.2 NEON: sdot, 16 multiply-adds an instruction, on int8 limb planes.
//
// One quad of a panel is four vectors of (4 rows x 4 columns); an activation quad is broadcast by its load.
// An int32 lane is one row: |sum| <= 127 * 127 * K stays below 2^31 for K = 131072 < 133,144, the length of a
// slab.
#include <arm_neon.h>

#include "backend/cpu/code_blocks.h"
#include "backend/cpu/gemm_blocked.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kCodesSlabColumns = 512;  // two planes of 8 KiB, in the first cache

// Steps or offsets of one group of 4 rows, each for 4 columns.
struct QuadOfRows {
  int16x8_t first, last;  // two rows each
};

// p: 4 rows x 2 groups, of which the wanted one is number `group`
QuadOfRows spread_rows(const std::int16_t* p, int group) {
  alignas(16) static constexpr std::uint8_t kFirst[16] = {0, 1, 0, 1, 0, 1, 0, 1, 4, 5, 4, 5, 4, 5, 4, 5};
  const uint8x16_t at = vaddq_u8(vld1q_u8(kFirst), vdupq_n_u8(static_cast<std::uint8_t>(2 * group)));
  const uint8x16_t pairs = vreinterpretq_u8_s16(vld1q_s16(p));
  return {vreinterpretq_s16_u8(vqtbl1q_u8(pairs, at)),
          vreinterpretq_s16_u8(vqtbl1q_u8(pairs, vaddq_u8(at, vdupq_n_u8(8))))};
}

struct UnpackCodes {
  // A block of codes (ops/panels.h) to limb planes.
  template <CodeForm form>
  static void unpack(const std::int8_t* codes, const std::int16_t* steps, const std::int16_t* offsets,
                     std::int64_t column, LimbPlanes to) {
    constexpr int kGroupQuads = form.group / kQuad;
    const int8x16_t levels = vld1q_s8(spec::levels_of(form.levels));
    const auto level_of = [&](int8x16_t code) {
      return form.table() ? vqtbl1q_s8(levels, vreinterpretq_u8_s8(code)) : vsubq_s8(code, vdupq_n_s8(8));
    };
    for (std::int64_t k0 = 0; k0 < kColumnPad; k0 += 32) {
      for (int v = 0; v < 4; ++v) {  // rows 4 v .. 4 v + 3
        QuadOfRows step[8 / kGroupQuads], offset[8 / kGroupQuads] = {};
        for (int g = 0; g < 8 / kGroupQuads; ++g) {
          const std::int64_t group = k0 / form.group + g, at = step_index(group & ~1, 4 * v);
          step[g] = spread_rows(steps + at, static_cast<int>(group & 1));
          if (form.offsets) offset[g] = spread_rows(offsets + at, static_cast<int>(group & 1));
        }
        const auto store = [&](int quad, int8x16_t level) {
          const int g = quad / kGroupQuads;
          const auto weight = [](int8x8_t narrow, int16x8_t of_step, int16x8_t of_offset) {
            const int16x8_t wide = vmovl_s8(narrow);
            const int16x8_t product =
                form.fraction == 0 ? vmulq_s16(wide, of_step) : vqrdmulhq_s16(vshlq_n_s16(wide, 8), of_step);
            return form.offsets ? vaddq_s16(product, of_offset) : product;
          };
          const int16x8_t first = weight(vget_low_s8(level), step[g].first, offset[g].first);
          const int16x8_t last = weight(vget_high_s8(level), step[g].last, offset[g].last);
          const int16x8_t high_first = vrshrq_n_s16(first, 7), high_last = vrshrq_n_s16(last, 7);
          const auto low_of = [](int16x8_t w, int16x8_t high) {
            return vmovn_s16(vsubq_s16(w, vshlq_n_s16(high, 7)));
          };
          const std::int64_t place = (column + k0) * kPanelRows + quad * 64 + v * 16;
          vst1q_s8(to.high + place, vcombine_s8(vmovn_s16(high_first), vmovn_s16(high_last)));
          vst1q_s8(to.low + place, vcombine_s8(low_of(first, high_first), low_of(last, high_last)));
        };
        if constexpr (form.bits == 8) {
          for (int quad = 0; quad < 8; ++quad)
            store(quad, vld1q_s8(codes + k0 * kPanelRows + quad * 64 + v * 16));
        } else {
          for (int quad = 0; quad < 4; ++quad) {
            const int8x16_t pair = vld1q_s8(codes + k0 * kPanelRows / 2 + quad * 64 + v * 16);
            store(quad, level_of(vandq_s8(pair, vdupq_n_s8(15))));
            store(quad + 4, level_of(vreinterpretq_s8_u8(vshrq_n_u8(vreinterpretq_u8_s8(pair), 4))));
          }
        }
      }
    }
  }
};

struct NeonDot {
  using Element = std::int8_t;
  using Weight = std::int8_t;
  using WeightVector = int8x16_t;
  using Vector = int32x4_t;
  using PanelOut = NoPanelOut;
  static constexpr bool kDirect = false;
  static constexpr int kVectors = 4, kRows = 3, kChains = 8, kUnroll = 1;
  static constexpr std::int64_t kScratchWeights = 2 * kCodesSlabColumns * kPanelRows;

  static const std::int8_t* elements(const GemmRows& x) { return x.planes; }
  static int planes(WeightKind kind) { return limbs_of(kind); }
  static std::int64_t slab_columns(WeightKind kind) { return holds_codes(kind) ? kCodesSlabColumns : 131072; }
  static double start(const GemmRows&, std::int64_t, int, bool) { return 0; }

  static const std::int8_t* slab(WeightKind kind, const std::int8_t* panel, std::int64_t k, int plane,
                                 std::int64_t k0, std::int64_t columns, std::int8_t* scratch) {
    if (!holds_codes(kind)) return panel + plane * plane_bytes(k) + k0 * kPanelRows;
    const LimbPlanes planes{scratch, scratch + kCodesSlabColumns * kPanelRows};
    if (plane == 0) for_code_blocks<UnpackCodes>(kind, panel, k0, columns, planes);
    return plane == 0 ? planes.high : planes.low;
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
