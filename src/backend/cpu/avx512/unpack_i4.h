// unpack_i4: i4 weights to int8 with AVX-512 BW. Internal linkage on purpose, see gemm_blocked.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "ops/panels.h"

namespace verbatim::cpu {
namespace {

// Bytes of 16 rows -> 64 bytes (16 rows x 4 columns)
inline __m512i spread_rows(const std::int8_t* p) {
  const __m512i rows = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  const __m512i order = _mm512_set_epi32(
      0x0f0f0f0f, 0x0e0e0e0e, 0x0d0d0d0d, 0x0c0c0c0c, 0x0b0b0b0b, 0x0a0a0a0a, 0x09090909, 0x08080808,
      0x07070707, 0x06060606, 0x05050505, 0x04040404, 0x03030303, 0x02020202, 0x01010101, 0x00000000);
  return _mm512_shuffle_epi8(rows, order);
}

// offset + step * code as an i8 slab of `columns` columns (a multiple of 32), 64-byte aligned. Bytes multiply
// modulo 256, which loses nothing: the result is known to be an int8.
//   codes, steps: of the slab's first group, see ops/panels.h
inline void unpack_i4(const std::int8_t* codes, const std::int8_t* steps, std::int64_t columns,
                      std::int8_t* to) {
  const __m512i nibble = _mm512_set1_epi8(15), even_bytes = _mm512_set1_epi16(0x00ff);
  for (std::int64_t group = 0; group < columns / kI4Group; ++group) {
    const __m512i step = spread_rows(steps), offset = spread_rows(steps + kPanelRows);
    const __m512i step_even = _mm512_and_si512(step, even_bytes);
    // Times a code: the upper byte of 16 bits.
    const __m512i step_odd = _mm512_andnot_si512(even_bytes, step);
    const auto store = [&](std::int8_t* at, __m512i code) {
      const __m512i even = _mm512_mullo_epi16(_mm512_and_si512(code, even_bytes), step_even);
      const __m512i odd = _mm512_mullo_epi16(_mm512_srli_epi16(code, 8), step_odd);
      const __m512i product = _mm512_or_si512(_mm512_and_si512(even, even_bytes), odd);
      _mm512_store_si512(at, _mm512_add_epi8(product, offset));
    };
    for (int quad = 0; quad < 4; ++quad) {
      const __m512i pair = _mm512_loadu_si512(codes + quad * 64);
      store(to + quad * 64, _mm512_and_si512(pair, nibble));
      store(to + (quad + 4) * 64, _mm512_and_si512(_mm512_srli_epi16(pair, 4), nibble));
    }
    codes += kI4Group * kPanelRows / 2;
    steps += 2 * kPanelRows;
    to += kI4Group * kPanelRows;
  }
}

}  // namespace
}  // namespace verbatim::cpu
