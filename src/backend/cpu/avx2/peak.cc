#include "backend/cpu/peak.h"

#include <immintrin.h>

namespace verbatim::cpu {

std::int64_t multiply_adds_avx2(std::int64_t rounds) {
  constexpr int kChains = 10;
  __m256i sum[kChains] = {}, x = _mm256_set1_epi16(1);
  for (std::int64_t i = 0; i < rounds; ++i) {
    asm volatile("" : "+x"(x));
#pragma GCC unroll 10
    for (int c = 0; c < kChains; ++c) sum[c] = _mm256_add_epi32(sum[c], _mm256_madd_epi16(x, x));
#pragma GCC unroll 10
    for (int c = 0; c < kChains; ++c) asm volatile("" : "+x"(sum[c]));
    x = _mm256_set1_epi16(1);
  }
  return rounds * kChains * 16;
}

}  // namespace verbatim::cpu
