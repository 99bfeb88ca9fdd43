// Vec for AVX-512 (F, BW, VL): sixteen float32 in one register. Names and bits as in avx2/vec.h.
#pragma once

// GCC bug 105593: its AVX-512 header starts results from a deliberately undefined vector and warns of it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include <cstdint>

namespace verbatim::cpu {
namespace {

struct Vec {
  __m512 lanes;
};
struct VecPair {
  Vec first, second;
};
struct Shorts {
  __m256i lanes;  // 16 x int16
};

inline Vec load(const float* x) { return {_mm512_loadu_ps(x)}; }
inline void store(float* x, Vec v) { _mm512_storeu_ps(x, v.lanes); }
inline Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }

inline Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.lanes, b.lanes)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.lanes, b.lanes)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.lanes, b.lanes)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.lanes, b.lanes)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.lanes, b.lanes, c.lanes)}; }

// A NaN in b is the result.
inline Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.lanes, b.lanes)}; }
inline Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.lanes, b.lanes)}; }

// The larger of a and |x| as bit patterns: the order of the magnitudes, with every NaN on top.
// a: not negative
inline Vec max_magnitude(Vec a, Vec x) {
  __m512i magnitude = _mm512_and_si512(_mm512_castps_si512(x.lanes), _mm512_set1_epi32(0x7fffffff));
  return {_mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a.lanes), magnitude))};
}

// |magnitude| with the sign of sign.
inline Vec copy_sign(Vec magnitude, Vec sign) {
  constexpr int kFirstElseSecond = 0xca;  // of the two that follow, chosen bit by bit
  const __m512i minus = _mm512_set1_epi32(static_cast<int>(0x80000000u));
  return {_mm512_castsi512_ps(_mm512_ternarylogic_epi32(
      minus, _mm512_castps_si512(sign.lanes), _mm512_castps_si512(magnitude.lanes), kFirstElseSecond))};
}

inline __m256 upper_half(__m512 v) {
  return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
}

// lane l += lane l + half, for half = 8, 4, 2, 1; lane 0.
inline float fold(Vec v) {
  __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v.lanes), upper_half(v.lanes));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float reduce_max(Vec v) { return _mm512_reduce_max_ps(v.lanes); }
// v: from max_magnitude
inline float reduce_magnitude(Vec v) {
  return _mm_cvtss_f32(
      _mm_castsi128_ps(_mm_cvtsi32_si128(_mm512_reduce_max_epi32(_mm512_castps_si512(v.lanes)))));
}

// p * 2^n, rounded once.  n: whole, in [-150, 128]
inline Vec times_two_to(Vec p, Vec n) { return {_mm512_scalef_ps(p.lanes, n.lanes)}; }

// The same for n <= 0: the instruction needs no trick, and t no bias.
constexpr float kPowerBias = 0;
inline Vec times_two_to_nonpositive(Vec p, Vec n, Vec) { return times_two_to(p, n); }

// Nearest integers, ties to even.  |x| < 2^15
inline Shorts round_to_shorts(Vec x) { return {_mm512_cvtepi32_epi16(_mm512_cvtps_epi32(x.lanes))}; }
inline void store_shorts(std::int16_t* to, Shorts q) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), q.lanes);
}
inline void store_bytes(std::int8_t* to, Shorts q) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtepi16_epi8(q.lanes));
}
// q = 128 * high + low, low in [-64, 63]
inline void store_limbs(std::int8_t* high, std::int8_t* low, Shorts q) {
  __m256i upper = _mm256_srai_epi16(_mm256_add_epi16(q.lanes, _mm256_set1_epi16(64)), 7);
  store_bytes(high, {upper});
  store_bytes(low, {_mm256_sub_epi16(q.lanes, _mm256_slli_epi16(upper, 7))});
}

// A stage of spec/hadamard.h: lanes i and i + h become (x[i] + x[i + h], x[i] - x[i + h]).
template <int h>
inline Vec butterfly(Vec x) {
  constexpr __mmask16 kSecond = h == 8 ? 0xff00 : h == 4 ? 0xf0f0 : h == 2 ? 0xcccc : 0xaaaa;
  __m512 other;
  if constexpr (h >= 4) {
    other = _mm512_shuffle_f32x4(x.lanes, x.lanes, h == 8 ? 0b01'00'11'10 : 0b10'11'00'01);
  } else {
    other = _mm512_permute_ps(x.lanes, h == 2 ? 0b01'00'11'10 : 0b10'11'00'01);
  }
  return {_mm512_mask_sub_ps(_mm512_add_ps(x.lanes, other), kSecond, other, x.lanes)};
}

// 32 floats as the 16 at even and the 16 at odd places.
inline VecPair load_pairs(const float* x) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
  return {{_mm512_permutex2var_ps(a, even, b)}, {_mm512_permutex2var_ps(a, odd, b)}};
}
inline void store_pairs(float* x, VecPair pair) {
  const __m512i left = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i right = _mm512_add_epi32(left, _mm512_set1_epi32(8));
  _mm512_storeu_ps(x, _mm512_permutex2var_ps(pair.first.lanes, left, pair.second.lanes));
  _mm512_storeu_ps(x + 16, _mm512_permutex2var_ps(pair.first.lanes, right, pair.second.lanes));
}

}  // namespace
}  // namespace verbatim::cpu
