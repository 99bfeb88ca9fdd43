// unpack_codes: codes to int16 weights, with AVX2. Internal linkage on purpose, see gemm_blocked.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "backend/cpu/avx2/integers.h"
#include "backend/cpu/code_blocks.h"

namespace verbatim::cpu {
namespace {

// The int16 of two groups of 4 rows -> those of one, each for 4 columns.
inline __m256i spread_rows(const std::int16_t* p, int group) {
  const __m256i pairs = _mm256_broadcastsi128_si256(load16(reinterpret_cast<const std::int8_t*>(p)));
  const __m256i first = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 4, 5, 4, 5, 4, 5, 4, 5,  //
                                         8, 9, 8, 9, 8, 9, 8, 9, 12, 13, 12, 13, 12, 13, 12, 13);
  return _mm256_shuffle_epi8(pairs, _mm256_add_epi8(first, _mm256_set1_epi8(static_cast<char>(2 * group))));
}

// Gives emit(quad, weights) for the 16 quads of rows 4 v .. 4 v + 3 of a block of codes (ops/panels.h).
template <CodeForm form, class Emit>
inline void each_quad(const std::int8_t* codes, const std::int16_t* steps, const std::int16_t* offsets, int v,
                      Emit emit) {
  constexpr int kGroupQuads = form.group / kQuad;
  const __m128i nibble = _mm_set1_epi8(15), levels = load16(spec::levels_of(form.levels));
  const auto level_of = [&](__m128i code) {
    return form.table() ? _mm_shuffle_epi8(levels, code) : _mm_sub_epi8(code, _mm_set1_epi8(8));
  };
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {  // 32 columns
    __m256i step[8 / kGroupQuads], offset[8 / kGroupQuads];
    for (int g = 0; g < 8 / kGroupQuads; ++g) {
      const int group = half * 32 / form.group + g;
      const std::int64_t at = step_index(group & ~1, 4 * v);
      step[g] = spread_rows(steps + at, group & 1);
      offset[g] = form.offsets ? spread_rows(offsets + at, group & 1) : _mm256_setzero_si256();
    }
    const auto give = [&](int quad, __m128i level) __attribute__((always_inline)) {
      const __m256i wide = _mm256_cvtepi8_epi16(level), of_step = step[quad / kGroupQuads];
      const __m256i product = form.fraction == 0 ? _mm256_mullo_epi16(wide, of_step)
                                                 : _mm256_mulhrs_epi16(_mm256_slli_epi16(wide, 8), of_step);
      emit(half * 8 + quad, _mm256_add_epi16(product, offset[quad / kGroupQuads]));
    };
    if constexpr (form.bits == 8) {
#pragma GCC unroll 8
      for (int quad = 0; quad < 8; ++quad) give(quad, load16(codes + (half * 8 + quad) * 64 + v * 16));
    } else {
#pragma GCC unroll 4
      for (int quad = 0; quad < 4; ++quad) {
        const __m128i pair = load16(codes + (half * 4 + quad) * 64 + v * 16);
        give(quad, level_of(_mm_and_si128(pair, nibble)));
        give(quad + 4, level_of(_mm_and_si128(_mm_srli_epi16(pair, 4), nibble)));
      }
    }
  }
}

struct UnpackCodes {
  // A block of codes to a slab.   column: of the block, in the slab
  template <CodeForm form>
  static void unpack(const std::int8_t* codes, const std::int16_t* steps, const std::int16_t* offsets,
                     std::int64_t column, std::int16_t* to) {
    for (int v = 0; v < 4; ++v) {
      each_quad<form>(codes, steps, offsets, v, [&](int quad, __m256i w) {
        store32(to + column * kPanelRows + quad * 64 + v * 16, w);
      });
    }
  }
};

}  // namespace
}  // namespace verbatim::cpu
