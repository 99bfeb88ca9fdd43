// Vec in plain C++: sixteen float32 in an array, for any processor. Names and bits as in avx2/vec.h.
//
// It is compiled with the flags of the rest of the program, so it may call spec/.
#pragma once

#include <bit>
#include <cstdint>

#include "spec/exp.h"
#include "spec/fix.h"
#include "spec/fma.h"

namespace verbatim::cpu {
namespace {

struct Vec {
  float lane[16];
};
struct VecPair {
  Vec first, second;
};
struct Shorts {
  std::int16_t lane[16];
};

template <class F>
inline Vec each_lane(F f) {
  Vec v;
  for (int i = 0; i < 16; ++i) v.lane[i] = f(i);
  return v;
}

inline Vec load(const float* x) {
  return each_lane([x](int i) { return x[i]; });
}
inline void store(float* x, Vec v) {
  for (int i = 0; i < 16; ++i) x[i] = v.lane[i];
}
inline Vec broadcast(float x) {
  return each_lane([x](int) { return x; });
}

inline Vec operator+(Vec a, Vec b) {
  return each_lane([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline Vec operator-(Vec a, Vec b) {
  return each_lane([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline Vec operator*(Vec a, Vec b) {
  return each_lane([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline Vec operator/(Vec a, Vec b) {
  return each_lane([&](int i) { return a.lane[i] / b.lane[i]; });
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return each_lane([&](int i) { return spec::fma(a.lane[i], b.lane[i], c.lane[i]); });
}

// A stage of spec/hadamard.h: lanes i and i + h become (x[i] + x[i + h], x[i] - x[i + h]).
template <int h>
inline Vec butterfly(Vec x) {
  return each_lane(
      [x](int i) { return (i & h) != 0 ? x.lane[i - h] - x.lane[i] : x.lane[i] + x.lane[i + h]; });
}

// A NaN in b is the result.
inline Vec max(Vec a, Vec b) {
  return each_lane([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline Vec min(Vec a, Vec b) {
  return each_lane([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}

// The larger of a and |x| as bit patterns: the order of the magnitudes, with every NaN on top.
// a: not negative
inline Vec max_magnitude(Vec a, Vec x) {
  return each_lane([&](int i) {
    auto largest = std::bit_cast<std::uint32_t>(a.lane[i]);
    auto magnitude = std::bit_cast<std::uint32_t>(x.lane[i]) & 0x7fffffffu;
    return std::bit_cast<float>(largest > magnitude ? largest : magnitude);
  });
}

// |magnitude| with the sign of sign.
inline Vec copy_sign(Vec magnitude, Vec sign) {
  return each_lane([&](int i) { return __builtin_copysignf(magnitude.lane[i], sign.lane[i]); });
}

// lane l = join(lane l, lane l + half), for half = 8, 4, 2, 1; lane 0.
template <class Join>
inline float halve(Vec v, Join join) {
  for (int half = 8; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) v.lane[l] = join(v.lane[l], v.lane[l + half]);
  }
  return v.lane[0];
}
inline float fold(Vec v) {
  return halve(v, [](float a, float b) { return a + b; });
}
inline float reduce_max(Vec v) {
  return halve(v, [](float a, float b) { return a > b ? a : b; });
}
// v: from max_magnitude
inline float reduce_magnitude(Vec v) {
  return halve(v, [](float a, float b) {
    return std::bit_cast<std::uint32_t>(a) > std::bit_cast<std::uint32_t>(b) ? a : b;
  });
}

// p * 2^n, rounded once.  n: whole, in [-150, 128].  Two factors, the first product exact.
inline Vec times_two_to(Vec p, Vec n) {
  return each_lane([&](int i) {
    // A NaN of n goes with a NaN of p, and must not be converted.
    std::int32_t whole = n.lane[i] == n.lane[i] ? static_cast<std::int32_t>(n.lane[i]) : 0;
    std::int32_t half = whole >> 1;
    return p.lane[i] * spec::power_of_two(half) * spec::power_of_two(whole - half);
  });
}

constexpr float kPowerBias = 0;
// n <= 0. Where a NaN among the scores hid their largest, n may be anything, and so may the result.
inline Vec times_two_to_nonpositive(Vec p, Vec n, Vec) { return times_two_to(p, min(broadcast(0), n)); }

// Nearest integers, ties to even.  |x| < 2^15
inline Shorts round_to_shorts(Vec x) {
  Shorts q;
  for (int i = 0; i < 16; ++i) q.lane[i] = static_cast<std::int16_t>(spec::round_half_even(x.lane[i]));
  return q;
}
inline void store_shorts(std::int16_t* to, Shorts q) {
  for (int i = 0; i < 16; ++i) to[i] = q.lane[i];
}
inline void store_bytes(std::int8_t* to, Shorts q) {
  for (int i = 0; i < 16; ++i) to[i] = static_cast<std::int8_t>(q.lane[i]);
}
inline void store_limbs(std::int8_t* high, std::int8_t* low, Shorts q) {
  for (int i = 0; i < 16; ++i) {
    high[i] = static_cast<std::int8_t>(spec::high_limb(q.lane[i]));
    low[i] = static_cast<std::int8_t>(spec::low_limb(q.lane[i]));
  }
}

// 32 floats as the 16 at even and the 16 at odd places.
inline VecPair load_pairs(const float* x) {
  return {each_lane([x](int i) { return x[2 * i]; }), each_lane([x](int i) { return x[2 * i + 1]; })};
}
inline void store_pairs(float* x, VecPair pair) {
  for (int i = 0; i < 16; ++i) {
    x[2 * i] = pair.first.lane[i];
    x[2 * i + 1] = pair.second.lane[i];
  }
}

}  // namespace
}  // namespace verbatim::cpu
