// gemm_few_rows: so few rows that codes are read once and expanded on the way, in registers. Internal linkage on purpose, see
// gemm_blocked.h.
//
// vpdpwssd multiplies weights of 16 bits by limbs of x of 16 bits: |w x| <= 16319 * 127, so an int32 lane, which is half a row
// and sums two of a quad's four columns, holds 1024 columns, and so does the row.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "backend/cpu/avx512/finish.h"
#include "backend/cpu/avx512/unpack_codes.h"

namespace verbatim::cpu {
namespace {

inline constexpr int kFewRows = 4;
inline constexpr std::int64_t kFewColumns = 16384;

// Limbs of rows as int16: (k / 64, rows, limbs, 64).
struct WideRows {
  alignas(64) std::int16_t x[kFewRows * 2 * kFewColumns];

  void fill(const GemmRows& rows) {
    std::int16_t* to = x;
    for (std::int64_t k = 0; k < rows.k; k += 64) {
      for (std::int64_t m = 0; m < rows.rows; ++m) {
        for (int limb = 0; limb < rows.limbs; ++limb, to += 64) {
          const std::int8_t* from = rows.planes + m * rows.stride + limb * rows.low_offset + k;
          for (int half = 0; half < 2; ++half) {
            const __m256i narrow = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from) + half);
            _mm512_storeu_si512(to + half * 32, _mm512_cvtepi8_epi16(narrow));
          }
        }
      }
    }
  }
};

template <int R, int L>
struct FewRows {
  static constexpr std::int64_t kColumnsInInt32 = 1024;

  // Not __m512i: the compiler then keeps each in its register.
  using Sums = int __attribute__((vector_size(64)));
  struct State {
    const std::int16_t* x;
    Sums sum[R][L][2];  // of the first two and the last two rows of four
  };

  template <CodeForm form>
  static void unpack(const std::int8_t* codes, const std::int16_t* steps, const std::int16_t* offsets,
                     std::int64_t, State* state) {
    constexpr std::int64_t kAhead = 4096;  // bytes, see gemm.cc
    for (std::int64_t line = 0; line < block_bytes(form); line += 64)
      _mm_prefetch(reinterpret_cast<const char*>(codes + kAhead + line), _MM_HINT_T0);
    Sums sum[R][L][2];
    __builtin_memcpy(sum, state->sum, sizeof sum);
    const std::int16_t* x = state->x;
    const auto multiply = [&](int quad, QuadOfRows w) __attribute__((always_inline)) {
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
        for (int l = 0; l < L; ++l) {
          long long four;
          __builtin_memcpy(&four, x + (r * L + l) * 64 + quad * kQuad, sizeof four);
          const __m512i of_x = _mm512_set1_epi64(four);
          sum[r][l][0] = Sums(_mm512_dpwssd_epi32(__m512i(sum[r][l][0]), w.first, of_x));
          sum[r][l][1] = Sums(_mm512_dpwssd_epi32(__m512i(sum[r][l][1]), w.last, of_x));
        }
      }
    };
    each_quad<form>(codes, steps, offsets, multiply);
    __builtin_memcpy(state->sum, sum, sizeof sum);
    state->x += R * L * 64;
  }

  static void run(const WideRows& x, const GemmPanels& w, std::int64_t k, const GemmOut& out) {
    for (std::int64_t p = 0; p * kPanelRows < out.n; ++p) {
      const PanelOut panel_out(out, p);
      __m512d total[R][2] = {};
      State state{x.x, {}};
      for (std::int64_t k0 = 0; k0 < k; k0 += kColumnsInInt32) {
        const std::int64_t columns = k - k0 < kColumnsInInt32 ? k - k0 : kColumnsInInt32;
        __builtin_memset(state.sum, 0, sizeof state.sum);
        for_code_blocks<FewRows>(w.kind, w.data + p * w.panel_bytes, k0, columns, &state);
        for (int r = 0; r < R; ++r) {
          for (int l = 0; l < L; ++l) add(state.sum[r][l], l + 1 < L ? 128 : 1, total[r]);
        }
      }
      for (int r = 0; r < R; ++r) {
        const __m512 first = _mm512_castps256_ps512(_mm512_cvtpd_ps(total[r][0]));
        panel_out.put(r, _mm512_insertf32x8(first, _mm512_cvtpd_ps(total[r][1]), 1));
      }
    }
  }

  // Two lanes make a row, in the order of rows.
  static void add(const Sums (&sum)[2], double unit, __m512d (&total)[2]) {
    const __m512 first = _mm512_castsi512_ps(__m512i(sum[0])), last = _mm512_castsi512_ps(__m512i(sum[1]));
    const __m512i rows = _mm512_add_epi32(_mm512_castps_si512(_mm512_shuffle_ps(first, last, 0x88)),
                                          _mm512_castps_si512(_mm512_shuffle_ps(first, last, 0xdd)));
    const __m256i halves[2] = {_mm512_castsi512_si256(rows), _mm512_extracti64x4_epi64(rows, 1)};
    for (int h = 0; h < 2; ++h)
      total[h] = _mm512_fmadd_pd(_mm512_cvtepi32_pd(halves[h]), _mm512_set1_pd(unit), total[h]);
  }
};

inline bool takes_few_rows(const GemmRows& x, WeightKind kind) {
  return holds_codes(kind) && x.rows <= kFewRows && x.k <= kFewColumns;
}

inline void gemm_few_rows(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  using Run = void (*)(const WideRows&, const GemmPanels&, std::int64_t, const GemmOut&);
  static constexpr Run kRuns[kFewRows][2] = {{FewRows<1, 1>::run, FewRows<1, 2>::run},
                                             {FewRows<2, 1>::run, FewRows<2, 2>::run},
                                             {FewRows<3, 1>::run, FewRows<3, 2>::run},
                                             {FewRows<4, 1>::run, FewRows<4, 2>::run}};
  WideRows wide;
  wide.fill(x);
  kRuns[x.rows - 1][x.limbs - 1](wide, w, x.k, out);
}

}  // namespace
}  // namespace verbatim::cpu
