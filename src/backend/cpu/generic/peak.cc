#include "backend/cpu/peak.h"

namespace verbatim::cpu {

std::int64_t multiply_adds_generic(std::int64_t rounds) {
  constexpr int kChains = 8;
  std::int32_t sum[kChains] = {};
  for (std::int64_t i = 0; i < rounds; ++i) {
    for (int c = 0; c < kChains; ++c) {
      std::int32_t x = c;
      asm volatile("" : "+r"(x), "+r"(sum[c]));  // opaque: neither folded nor vectorised
      sum[c] += x * x;
    }
  }
  for (std::int32_t s : sum) asm volatile("" ::"r"(s));
  return rounds * kChains;
}

}  // namespace verbatim::cpu
