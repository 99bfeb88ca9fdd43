#include "backend/cpu/peak.h"

#include <immintrin.h>

namespace verbatim::cpu {

std::int64_t multiply_adds_avx512(std::int64_t rounds) {
  constexpr int kChains = 12;
  __m512i sum[kChains] = {}, x = _mm512_set1_epi8(1);
  for (std::int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) {
      sum[c] = _mm512_dpbusd_epi32(sum[c], x, x);
      asm volatile("" : "+v"(sum[c]));
    }
  }
  return rounds * kChains * 64;
}

}  // namespace verbatim::cpu
