// unpack_codes: codes to the two limb planes of their weights, with AVX-512 BW. Internal linkage on purpose, see
// gemm_blocked.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "backend/cpu/code_blocks.h"

namespace verbatim::cpu {
namespace {

// A quad of 16 rows as int16, in the order that unpacking bytes gives and packing takes back: in each 128 bits one vector
// has the first two rows of four, the other the last two.
struct QuadOfRows {
  __m512i first, last;
};

// Steps or offsets of one group of 16 rows, each for 4 columns.   pairs: 16 rows x 2 groups, of which it is number `group`
inline QuadOfRows spread_rows(__m512i pairs, int group) {
  // Places of int16: lane 4 r + c of a 128-bit part, r < 2.
  const __m512i first =
      _mm512_set_epi64(0x001a001a001a001a, 0x0018001800180018, 0x0012001200120012, 0x0010001000100010,
                       0x000a000a000a000a, 0x0008000800080008, 0x0002000200020002, 0x0000000000000000);
  const __m512i at = _mm512_add_epi16(first, _mm512_set1_epi16(static_cast<short>(group)));
  return {_mm512_permutexvar_epi16(at, pairs),
          _mm512_permutexvar_epi16(_mm512_add_epi16(at, _mm512_set1_epi16(4)), pairs)};
}

// Gives emit(quad, weights) for the 16 quads of a block of codes (ops/panels.h), weights a QuadOfRows.
template <CodeForm form, class Emit>
inline void each_quad(const std::int8_t* codes, const std::int16_t* steps, const std::int16_t* offsets,
                      Emit emit) {
  constexpr int kGroupQuads = form.group / kQuad;
  const __m512i nibble = _mm512_set1_epi8(15), zero = _mm512_setzero_si512();
  const __m512i levels =
      _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(spec::levels_of(form.levels))));
  const auto level_of = [&](__m512i code) {
    return form.table() ? _mm512_shuffle_epi8(levels, code) : _mm512_sub_epi8(code, _mm512_set1_epi8(8));
  };
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {  // 32 columns
    QuadOfRows step[8 / kGroupQuads], offset[8 / kGroupQuads] = {};
#pragma GCC unroll 2
    for (int g = 0; g < 8 / kGroupQuads; ++g) {
      const int group = half * 32 / form.group + g;
      const std::int64_t at = step_index(group & ~1, 0);
      step[g] = spread_rows(_mm512_loadu_si512(steps + at), group & 1);
      if (form.offsets) offset[g] = spread_rows(_mm512_loadu_si512(offsets + at), group & 1);
    }
    const auto give = [&](int quad, __m512i level) __attribute__((always_inline)) {
      const int g = quad / kGroupQuads;
      const auto weight = [](__m512i shifted, __m512i of_step, __m512i of_offset) {  // the level times 256
        const __m512i product = form.fraction == 0
                                    ? _mm512_mullo_epi16(_mm512_srai_epi16(shifted, 8), of_step)
                                    : _mm512_mulhrs_epi16(shifted, of_step);
        return form.offsets ? _mm512_add_epi16(product, of_offset) : product;
      };
      emit(half * 8 + quad,
           QuadOfRows{weight(_mm512_unpacklo_epi8(zero, level), step[g].first, offset[g].first),
                      weight(_mm512_unpackhi_epi8(zero, level), step[g].last, offset[g].last)});
    };
    if constexpr (form.bits == 8) {
#pragma GCC unroll 8
      for (int quad = 0; quad < 8; ++quad) give(quad, _mm512_loadu_si512(codes + (half * 8 + quad) * 64));
    } else {
#pragma GCC unroll 4
      for (int quad = 0; quad < 4; ++quad) {
        const __m512i pair = _mm512_loadu_si512(codes + (half * 4 + quad) * 64);
        give(quad, level_of(_mm512_and_si512(pair, nibble)));
        give(quad + 4, level_of(_mm512_and_si512(_mm512_srli_epi16(pair, 4), nibble)));
      }
    }
  }
}

struct UnpackCodes {
  // A block of codes to planes that are 64-byte aligned.   column: of the block, in the planes
  template <CodeForm form>
  static void unpack(const std::int8_t* codes, const std::int16_t* steps, const std::int16_t* offsets,
                     std::int64_t column, LimbPlanes to) {
    each_quad<form>(codes, steps, offsets, [&](int quad, QuadOfRows w) {
      const auto high_of = [](__m512i v) {
        return _mm512_srai_epi16(_mm512_add_epi16(v, _mm512_set1_epi16(64)), 7);
      };
      const auto low_of = [](__m512i v, __m512i high) {
        return _mm512_sub_epi16(v, _mm512_slli_epi16(high, 7));
      };
      const __m512i first = high_of(w.first), last = high_of(w.last);
      const std::int64_t place = column * kPanelRows + quad * 64;
      _mm512_store_si512(to.high + place, _mm512_packs_epi16(first, last));
      _mm512_store_si512(to.low + place, _mm512_packs_epi16(low_of(w.first, first), low_of(w.last, last)));
    });
  }
};

}  // namespace
}  // namespace verbatim::cpu
