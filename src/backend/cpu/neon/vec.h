// Vec for NEON (aarch64): sixteen float32 in four registers. Names and bits as in avx2/vec.h.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace verbatim::cpu {
namespace {

struct Vec {
  float32x4_t part[4];  // lanes 0-3, 4-7, 8-11, 12-15
};
struct VecPair {
  Vec first, second;
};
struct Shorts {
  int16x8_t low, high;
};

// f of the four parts of up to three vectors.
template <class F>
inline Vec each_part(F f) {
  return {{f(0), f(1), f(2), f(3)}};
}

inline Vec load(const float* x) {
  return each_part([x](int i) { return vld1q_f32(x + 4 * i); });
}
inline void store(float* x, Vec v) {
  for (int i = 0; i < 4; ++i) vst1q_f32(x + 4 * i, v.part[i]);
}
inline Vec broadcast(float x) {
  return each_part([x](int) { return vdupq_n_f32(x); });
}

inline Vec operator+(Vec a, Vec b) {
  return each_part([&](int i) { return vaddq_f32(a.part[i], b.part[i]); });
}
inline Vec operator-(Vec a, Vec b) {
  return each_part([&](int i) { return vsubq_f32(a.part[i], b.part[i]); });
}
inline Vec operator*(Vec a, Vec b) {
  return each_part([&](int i) { return vmulq_f32(a.part[i], b.part[i]); });
}
inline Vec operator/(Vec a, Vec b) {
  return each_part([&](int i) { return vdivq_f32(a.part[i], b.part[i]); });
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return each_part([&](int i) { return vfmaq_f32(c.part[i], a.part[i], b.part[i]); });
}

// A stage of spec/hadamard.h: lanes i and i + h become (x[i] + x[i + h], x[i] - x[i + h]).
template <int h>
inline Vec butterfly(Vec x) {
  if constexpr (h >= 4) {
    return each_part([&](int i) {
      return (i & h / 4) != 0 ? vsubq_f32(x.part[i - h / 4], x.part[i])
                              : vaddq_f32(x.part[i], x.part[i + h / 4]);
    });
  } else {
    return each_part([&](int i) {
      const float32x4_t v = x.part[i], other = h == 2 ? vextq_f32(v, v, 2) : vrev64q_f32(v);
      const float32x4_t sum = vaddq_f32(v, other), difference = vsubq_f32(other, v);
      return h == 2 ? vcombine_f32(vget_low_f32(sum), vget_high_f32(difference))
                    : vtrn2q_f32(vtrn1q_f32(sum, sum), difference);
    });
  }
}

// A NaN in b (here, in either) is the result.
inline Vec max(Vec a, Vec b) {
  return each_part([&](int i) { return vmaxq_f32(a.part[i], b.part[i]); });
}
inline Vec min(Vec a, Vec b) {
  return each_part([&](int i) { return vminq_f32(a.part[i], b.part[i]); });
}

// The larger of a and |x| as bit patterns: the order of the magnitudes, with every NaN on top.
// a: not negative
inline Vec max_magnitude(Vec a, Vec x) {
  return each_part([&](int i) {
    return vreinterpretq_f32_u32(
        vmaxq_u32(vreinterpretq_u32_f32(a.part[i]), vreinterpretq_u32_f32(vabsq_f32(x.part[i]))));
  });
}

// |magnitude| with the sign of sign.
inline Vec copy_sign(Vec magnitude, Vec sign) {
  return each_part(
      [&](int i) { return vbslq_f32(vdupq_n_u32(0x80000000u), sign.part[i], magnitude.part[i]); });
}

// lane l += lane l + half, for half = 8, 4, 2, 1; lane 0.
inline float fold(Vec v) {
  float32x4_t four = vaddq_f32(vaddq_f32(v.part[0], v.part[2]), vaddq_f32(v.part[1], v.part[3]));
  float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
inline float reduce_max(Vec v) {
  return vmaxvq_f32(vmaxq_f32(vmaxq_f32(v.part[0], v.part[1]), vmaxq_f32(v.part[2], v.part[3])));
}
// v: from max_magnitude
inline float reduce_magnitude(Vec v) {
  auto bits = [&](int i) { return vreinterpretq_u32_f32(v.part[i]); };
  std::uint32_t largest = vmaxvq_u32(vmaxq_u32(vmaxq_u32(bits(0), bits(1)), vmaxq_u32(bits(2), bits(3))));
  return vget_lane_f32(vreinterpret_f32_u32(vdup_n_u32(largest)), 0);
}

// p * 2^n, rounded once.  n: whole, in [-150, 128]; p in [1/2, 2) or NaN.
// Two factors, the first product exact.
inline Vec times_two_to(Vec p, Vec n) {
  auto power = [](int32x4_t e) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(e, vdupq_n_s32(127)), 23));
  };
  return each_part([&](int i) {
    int32x4_t whole = vcvtq_s32_f32(n.part[i]), half = vshrq_n_s32(whole, 1);
    return vmulq_f32(vmulq_f32(p.part[i], power(half)), power(vsubq_s32(whole, half)));
  });
}

// The same for n <= 0, where t = 1.5 * 2^23 + kPowerBias + n: bits(t) << 23 adds n + kPowerBias to the
// exponent of p, which stays normal; one product takes kPowerBias away.
constexpr float kPowerBias = 64;
inline Vec times_two_to_nonpositive(Vec p, Vec, Vec t) {
  return each_part([&](int i) {
    int32x4_t raised =
        vaddq_s32(vreinterpretq_s32_f32(p.part[i]), vshlq_n_s32(vreinterpretq_s32_f32(t.part[i]), 23));
    return vmulq_f32(vreinterpretq_f32_s32(raised), vdupq_n_f32(0x1p-64f));
  });
}

// Nearest integers, ties to even.  |x| < 2^15
inline Shorts round_to_shorts(Vec x) {
  auto half = [&](int i) { return vmovn_s32(vcvtnq_s32_f32(x.part[i])); };
  return {vcombine_s16(half(0), half(1)), vcombine_s16(half(2), half(3))};
}
inline void store_shorts(std::int16_t* to, Shorts q) {
  vst1q_s16(to, q.low);
  vst1q_s16(to + 8, q.high);
}
inline void store_bytes(std::int8_t* to, Shorts q) {
  vst1q_s8(to, vcombine_s8(vmovn_s16(q.low), vmovn_s16(q.high)));
}
// q = 128 * high + low, low in [-64, 63]
inline void store_limbs(std::int8_t* high, std::int8_t* low, Shorts q) {
  auto upper = [](int16x8_t lanes) { return vshrq_n_s16(vaddq_s16(lanes, vdupq_n_s16(64)), 7); };
  Shorts h = {upper(q.low), upper(q.high)};
  store_bytes(high, h);
  store_bytes(low, {vsubq_s16(q.low, vshlq_n_s16(h.low, 7)), vsubq_s16(q.high, vshlq_n_s16(h.high, 7))});
}

// 32 floats as the 16 at even and the 16 at odd places.
inline VecPair load_pairs(const float* x) {
  VecPair pair;
  for (int i = 0; i < 4; ++i) {
    float32x4x2_t both = vld2q_f32(x + 8 * i);
    pair.first.part[i] = both.val[0];
    pair.second.part[i] = both.val[1];
  }
  return pair;
}
inline void store_pairs(float* x, VecPair pair) {
  for (int i = 0; i < 4; ++i) vst2q_f32(x + 8 * i, {{pair.first.part[i], pair.second.part[i]}});
}

}  // namespace
}  // namespace verbatim::cpu
