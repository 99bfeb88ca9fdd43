// gemm_few_rows: so few rows that codes are read once and expanded on the way, in registers. Internal linkage on purpose, see
// gemm_blocked.h.
//
// vpmaddwd multiplies weights of 16 bits by limbs of x of 16 bits: |w x| <= 16319 * 127, so an int32 lane, which is half a row
// and sums two of a quad's four columns, holds 1024 columns, and so does the row.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "backend/cpu/avx2/unpack_codes.h"
#include "backend/cpu/gemm_epilogue.h"

namespace verbatim::cpu {
namespace {

inline constexpr int kFewRows = 2;
inline constexpr std::int64_t kFewColumns = 16384;

// Limbs of rows as int16: (k / 64, rows, limbs, 64).
struct RowLimbs {
  alignas(32) std::int16_t x[kFewRows * 2 * kFewColumns];

  void fill(const GemmRows& rows) {
    std::int16_t* to = x;
    for (std::int64_t k = 0; k < rows.k; k += 64) {
      for (std::int64_t m = 0; m < rows.rows; ++m, to += rows.limbs * 64) {
        const std::int16_t* from = rows.wide + m * rows.stride + k;
        for (int i = 0; i < 64; ++i) {
          const int high = rows.limbs == 2 ? (from[i] + 64) >> 7 : from[i];
          to[i] = static_cast<std::int16_t>(high);
          if (rows.limbs == 2) to[64 + i] = static_cast<std::int16_t>(from[i] - 128 * high);
        }
      }
    }
  }
};

template <int R, int L>
struct FewRows {
  static constexpr std::int64_t kColumnsInInt32 = 1024;

  struct State {
    const std::int16_t* x;
    Int32x8 sum[R][L][4];  // of rows 4 v .. 4 v + 3
  };

  template <CodeForm form>
  static void unpack(const std::int8_t* codes, const std::int16_t* steps, const std::int16_t* offsets,
                     std::int64_t, State* state) {
    constexpr std::int64_t kAhead = 4096;  // bytes: the hardware's prefetch stops at pages
    for (std::int64_t line = 0; line < block_bytes(form); line += 64)
      _mm_prefetch(reinterpret_cast<const char*>(codes + kAhead + line), _MM_HINT_T0);
    for (int v = 0; v < 4; ++v) {
      Int32x8 sum[R][L];
      for (int i = 0; i < R * L; ++i) sum[i / L][i % L] = state->sum[i / L][i % L][v];
      const auto multiply = [&](int quad, __m256i w) __attribute__((always_inline)) {
#pragma GCC unroll 2
        for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
          for (int l = 0; l < L; ++l) {
            long long four;
            __builtin_memcpy(&four, state->x + (r * L + l) * 64 + quad * kQuad, sizeof four);
            sum[r][l] += Int32x8(_mm256_madd_epi16(w, _mm256_set1_epi64x(four)));
          }
        }
      };
      each_quad<form>(codes, steps, offsets, v, multiply);
      for (int i = 0; i < R * L; ++i) state->sum[i / L][i % L][v] = sum[i / L][i % L];
    }
    state->x += R * L * 64;
  }

  static void run(const RowLimbs& x, const GemmPanels& w, std::int64_t k, const GemmOut& out) {
    for (std::int64_t p = 0; p * kPanelRows < out.n; ++p) {
      alignas(32) double total[R][kPanelRows] = {};
      State state{x.x, {}};
      for (std::int64_t k0 = 0; k0 < k; k0 += kColumnsInInt32) {
        __builtin_memset(state.sum, 0, sizeof state.sum);
        for_code_blocks<FewRows>(w.kind, w.data + p * w.panel_bytes, k0,
                                 k - k0 < kColumnsInInt32 ? k - k0 : kColumnsInInt32, &state);
        for (int i = 0; i < R * L; ++i)
          add_lane_pairs(state.sum[i / L][i % L], i % L + 1 < L ? 128 : 1, total[i / L]);
      }
      for (int r = 0; r < R; ++r) finish_row(total[r], r, p, out);
    }
  }
};

inline bool takes_few_rows(const GemmRows& x, WeightKind kind) {
  return holds_codes(kind) && x.rows <= kFewRows && x.k <= kFewColumns;
}

inline void gemm_few_rows(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  using Run = void (*)(const RowLimbs&, const GemmPanels&, std::int64_t, const GemmOut&);
  static constexpr Run kRuns[kFewRows][2] = {{FewRows<1, 1>::run, FewRows<1, 2>::run},
                                             {FewRows<2, 1>::run, FewRows<2, 2>::run}};
  RowLimbs limbs;
  limbs.fill(x);
  kRuns[x.rows - 1][x.limbs - 1](limbs, w, x.k, out);
}

}  // namespace
}  // namespace verbatim::cpu
