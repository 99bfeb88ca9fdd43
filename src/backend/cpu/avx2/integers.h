// integers: what the integer kernels of AVX2 share. Internal linkage on purpose, see gemm_blocked.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace verbatim::cpu {
namespace {

// Sums are held as vectors of int, not as __m256i: the compiler then keeps each in its register.
using Int32x8 = int __attribute__((vector_size(32)));

inline __m128i load16(const std::int8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline __m256i load32(const std::int16_t* p) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store32(std::int16_t* p, __m256i v) { _mm256_store_si256(reinterpret_cast<__m256i*>(p), v); }

// sum += unit * acc.   acc[v]: rows 4 v .. 4 v + 3, two int32 lanes each;  sum: (16)
inline void add_lane_pairs(const Int32x8 (&acc)[4], double unit, double* sum) {
  const auto add_four = [unit](double* to, __m128i rows) {
    const __m256d scaled = _mm256_mul_pd(_mm256_cvtepi32_pd(rows), _mm256_set1_pd(unit));
    _mm256_store_pd(to, _mm256_add_pd(_mm256_load_pd(to), scaled));
  };
  for (int half = 0; half < 2; ++half) {
    const __m256i pairs = _mm256_hadd_epi32(__m256i(acc[2 * half]), __m256i(acc[2 * half + 1]));
    const __m256i rows = _mm256_permute4x64_epi64(pairs, _MM_SHUFFLE(3, 1, 2, 0));
    add_four(sum + 8 * half, _mm256_castsi256_si128(rows));
    add_four(sum + 8 * half + 4, _mm256_extracti128_si256(rows, 1));
  }
}

}  // namespace
}  // namespace verbatim::cpu
