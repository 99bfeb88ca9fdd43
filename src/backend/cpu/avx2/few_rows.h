// few_rows with AVX2: vpmaddwd. Internal linkage on purpose, see gemm_blocked.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "backend/cpu/avx2/unpack_codes.h"

namespace verbatim::cpu {
namespace {

struct Avx2FewRows {
  static constexpr int kRows = 2;

  struct Sums {
    Int32x8 rows[4];  // 4 v .. 4 v + 3
  };

  template <CodeForm form, int R, int L>
  static void multiply(const std::int8_t* codes, const std::int16_t* steps, const std::int16_t* offsets,
                       const std::int16_t* x, Sums (&sums)[R][L]) {
    constexpr std::int64_t kAhead =
        4096;  // bytes: the hardware's prefetch stops at pages, see avx512/gemm.cc
    for (std::int64_t line = 0; line < block_bytes(form); line += 64)
      _mm_prefetch(reinterpret_cast<const char*>(codes + kAhead + line), _MM_HINT_T0);
    for (int v = 0; v < 4; ++v) {
      Int32x8 sum[R][L];
      for (int i = 0; i < R * L; ++i) sum[i / L][i % L] = sums[i / L][i % L].rows[v];
      const auto add_quad = [&](int quad, __m256i w) __attribute__((always_inline)) {
#pragma GCC unroll 2
        for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
          for (int l = 0; l < L; ++l) {
            long long four;
            __builtin_memcpy(&four, x + (r * L + l) * 64 + quad * kQuad, sizeof four);
            sum[r][l] += Int32x8(_mm256_madd_epi16(w, _mm256_set1_epi64x(four)));
          }
        }
      };
      each_quad<form>(codes, steps, offsets, v, add_quad);
      for (int i = 0; i < R * L; ++i) sums[i / L][i % L].rows[v] = sum[i / L][i % L];
    }
  }

  static void add(const Sums& sums, double unit, double* total) { add_lane_pairs(sums.rows, unit, total); }
};

}  // namespace
}  // namespace verbatim::cpu
