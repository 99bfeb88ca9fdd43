// few_rows with AVX-512 VNNI: vpdpwssd. Internal linkage on purpose, see gemm_blocked.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "backend/cpu/avx512/unpack_codes.h"

namespace verbatim::cpu {
namespace {

struct VnniFewRows {
  static constexpr int kRows = 4;

  // Not __m512i: the compiler then keeps each in its register.
  using Vector = int __attribute__((vector_size(64)));
  struct Sums {
    Vector first, last;  // of the first two and the last two rows of four
  };

  template <CodeForm form, int R, int L>
  static void multiply(const std::int8_t* codes, const std::int16_t* steps, const std::int16_t* offsets,
                       const std::int16_t* x, Sums (&sums)[R][L]) {
    constexpr std::int64_t kAhead = 4096;  // bytes, see gemm.cc
    for (std::int64_t line = 0; line < block_bytes(form); line += 64)
      _mm_prefetch(reinterpret_cast<const char*>(codes + kAhead + line), _MM_HINT_T0);
    Sums sum[R][L];
    __builtin_memcpy(sum, sums, sizeof sum);
    const auto add_quad = [&](int quad, QuadOfRows w) __attribute__((always_inline)) {
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
        for (int l = 0; l < L; ++l) {
          long long four;
          __builtin_memcpy(&four, x + (r * L + l) * 64 + quad * kQuad, sizeof four);
          const __m512i of_x = _mm512_set1_epi64(four);
          sum[r][l].first = Vector(_mm512_dpwssd_epi32(__m512i(sum[r][l].first), w.first, of_x));
          sum[r][l].last = Vector(_mm512_dpwssd_epi32(__m512i(sum[r][l].last), w.last, of_x));
        }
      }
    };
    each_quad<form>(codes, steps, offsets, add_quad);
    __builtin_memcpy(sums, sum, sizeof sum);
  }

  // Two lanes make a row, in the order of rows.
  static void add(const Sums& sums, double unit, double* total) {
    const __m512 first = _mm512_castsi512_ps(__m512i(sums.first)),
                 last = _mm512_castsi512_ps(__m512i(sums.last));
    const __m512i rows = _mm512_add_epi32(_mm512_castps_si512(_mm512_shuffle_ps(first, last, 0x88)),
                                          _mm512_castps_si512(_mm512_shuffle_ps(first, last, 0xdd)));
    const __m256i halves[2] = {_mm512_castsi512_si256(rows), _mm512_extracti64x4_epi64(rows, 1)};
    for (int h = 0; h < 2; ++h) {
      const __m512d before = _mm512_load_pd(total + 8 * h);
      _mm512_store_pd(total + 8 * h,
                      _mm512_fmadd_pd(_mm512_cvtepi32_pd(halves[h]), _mm512_set1_pd(unit), before));
    }
  }
};

}  // namespace
}  // namespace verbatim::cpu
