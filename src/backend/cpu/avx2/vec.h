// Vec for AVX2 and FMA: sixteen float32 in two registers.
//
// The operations that float_ops.inc.h is written over. Every set's vec.h has the same names and gives the
// same bits. Internal linkage throughout (float_ops.inc.h says why).
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace verbatim::cpu {
namespace {

struct Vec {
  __m256 low, high;  // lanes 0-7, 8-15
};
struct VecPair {
  Vec first, second;
};
struct Shorts {
  __m256i lanes;  // 16 x int16
};

inline Vec load(const float* x) { return {_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)}; }
inline void store(float* x, Vec v) {
  _mm256_storeu_ps(x, v.low);
  _mm256_storeu_ps(x + 8, v.high);
}
inline Vec broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }

inline Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
inline Vec fma(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

// A NaN in b is the result.
inline Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
inline Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }

// The larger of a and |x| as bit patterns: the order of the magnitudes, with every NaN on top.
// a: not negative
inline Vec max_magnitude(Vec a, Vec x) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  auto larger = [magnitude](__m256 p, __m256 q) {
    return _mm256_castsi256_ps(
        _mm256_max_epi32(_mm256_castps_si256(p), _mm256_and_si256(_mm256_castps_si256(q), magnitude)));
  };
  return {larger(a.low, x.low), larger(a.high, x.high)};
}

// |magnitude| with the sign of sign.
inline Vec copy_sign(Vec magnitude, Vec sign) {
  const __m256 minus = _mm256_set1_ps(-0.0f);
  auto joined = [minus](__m256 m, __m256 s) {
    return _mm256_or_ps(_mm256_andnot_ps(minus, m), _mm256_and_ps(minus, s));
  };
  return {joined(magnitude.low, sign.low), joined(magnitude.high, sign.high)};
}

// lane l += lane l + half, for half = 8, 4, 2, 1; lane 0.
inline float fold(Vec v) {
  __m256 eight = _mm256_add_ps(v.low, v.high);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float reduce_max(Vec v) {
  __m256 eight = _mm256_max_ps(v.low, v.high);
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
// v: from max_magnitude
inline float reduce_magnitude(Vec v) {
  __m256i eight = _mm256_max_epi32(_mm256_castps_si256(v.low), _mm256_castps_si256(v.high));
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  __m128i two = _mm_max_epi32(four, _mm_unpackhi_epi64(four, four));
  __m128i one = _mm_max_epi32(two, _mm_shuffle_epi32(two, 1));
  return _mm_cvtss_f32(_mm_castsi128_ps(one));
}

// p * 2^n, rounded once.  n: whole, in [-150, 128]; p in [1/2, 2) or NaN.
// Two factors, the first product exact.
inline Vec times_two_to(Vec p, Vec n) {
  auto scale = [](__m256 x, __m256 exponent) {
    const __m256i bias = _mm256_set1_epi32(127);
    __m256i whole = _mm256_cvtps_epi32(exponent), half = _mm256_srai_epi32(whole, 1);
    __m256i rest = _mm256_sub_epi32(whole, half);
    auto power = [bias](__m256i e) {
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(e, bias), 23));
    };
    return _mm256_mul_ps(_mm256_mul_ps(x, power(half)), power(rest));
  };
  return {scale(p.low, n.low), scale(p.high, n.high)};
}

// The same for n <= 0, where t = 1.5 * 2^23 + kPowerBias + n: bits(t) << 23 adds n + kPowerBias to the
// exponent of p, which stays normal; one product takes kPowerBias away.
constexpr float kPowerBias = 64;
inline Vec times_two_to_nonpositive(Vec p, Vec, Vec t) {
  auto scale = [](__m256 x, __m256 biased) {
    __m256i raised =
        _mm256_add_epi32(_mm256_castps_si256(x), _mm256_slli_epi32(_mm256_castps_si256(biased), 23));
    return _mm256_mul_ps(_mm256_castsi256_ps(raised), _mm256_set1_ps(0x1p-64f));
  };
  return {scale(p.low, t.low), scale(p.high, t.high)};
}

// Nearest integers, ties to even.  |x| < 2^15
inline Shorts round_to_shorts(Vec x) {
  __m256i mixed = _mm256_packs_epi32(_mm256_cvtps_epi32(x.low), _mm256_cvtps_epi32(x.high));
  return {_mm256_permute4x64_epi64(mixed, 0b11'01'10'00)};
}
inline void store_shorts(std::int16_t* to, Shorts q) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), q.lanes);
}
inline void store_bytes(std::int8_t* to, Shorts q) {
  __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(q.lanes), _mm256_extracti128_si256(q.lanes, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
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
  if constexpr (h == 8) {
    return {_mm256_add_ps(x.low, x.high), _mm256_sub_ps(x.low, x.high)};
  } else {
    const auto half = [](__m256 v) {
      constexpr int kSecond = h == 4 ? 0xf0 : h == 2 ? 0xcc : 0xaa;
      __m256 other;
      if constexpr (h == 4) {
        other = _mm256_permute2f128_ps(v, v, 1);
      } else {
        other = _mm256_permute_ps(v, h == 2 ? 0b01'00'11'10 : 0b10'11'00'01);
      }
      return _mm256_blend_ps(_mm256_add_ps(v, other), _mm256_sub_ps(other, v), kSecond);
    };
    return {half(x.low), half(x.high)};
  }
}

// 32 floats as the 16 at even and the 16 at odd places.
inline VecPair load_pairs(const float* x) {
  auto split = [](const float* at, __m256& even, __m256& odd) {
    __m256 a = _mm256_loadu_ps(at), b = _mm256_loadu_ps(at + 8);
    __m256 left = _mm256_permute2f128_ps(a, b, 0x20), right = _mm256_permute2f128_ps(a, b, 0x31);
    // left: pairs 0 1 4 5, right: pairs 2 3 6 7, by 128-bit halves
    even = _mm256_shuffle_ps(left, right, 0b10'00'10'00);
    odd = _mm256_shuffle_ps(left, right, 0b11'01'11'01);
  };
  VecPair pair;
  split(x, pair.first.low, pair.second.low);
  split(x + 16, pair.first.high, pair.second.high);
  return pair;
}
inline void store_pairs(float* x, VecPair pair) {
  auto join = [](float* at, __m256 even, __m256 odd) {
    __m256 left = _mm256_unpacklo_ps(even, odd), right = _mm256_unpackhi_ps(even, odd);
    _mm256_storeu_ps(at, _mm256_permute2f128_ps(left, right, 0x20));
    _mm256_storeu_ps(at + 8, _mm256_permute2f128_ps(left, right, 0x31));
  };
  join(x, pair.first.low, pair.second.low);
  join(x + 16, pair.first.high, pair.second.high);
}

}  // namespace
}  // namespace verbatim::cpu
