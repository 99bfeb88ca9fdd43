#include "backend/cpu/peak.h"

#include <arm_neon.h>

namespace verbatim::cpu {

std::int64_t multiply_adds_neon(std::int64_t rounds) {
  constexpr int kChains = 12;
  int32x4_t sum[kChains] = {};
  int8x16_t x = vdupq_n_s8(1);
  for (std::int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) {
      sum[c] = vdotq_s32(sum[c], x, x);
      asm volatile("" : "+w"(sum[c]));
    }
  }
  return rounds * kChains * 16;
}

}  // namespace verbatim::cpu
