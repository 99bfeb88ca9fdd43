// The two 16-bit float formats of model files, to and from float32. To float32 is exact; from float32 rounds
// to nearest, ties to even. Integer and float32 arithmetic only: every machine and compiler gives the same
// bits.
#pragma once

#include <bit>
#include <cstdint>

namespace verbatim {

// IEEE 754 binary16. Moving the 15 bits of |h| to float32's place leaves the exponent short by 127 - 15 =
// 112; one exact multiplication mends it, subnormals too. Infinities and NaNs (exponent 31) are given
// exponent 255 instead.
inline float f16_to_f32(std::uint16_t h) {
  std::uint32_t magnitude = static_cast<std::uint32_t>(h & 0x7fff) << 13;
  std::uint32_t bits = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
  bits |= magnitude >= 0x0f800000u ? 0x7f800000u : 0u;
  return std::bit_cast<float>(bits | static_cast<std::uint32_t>(h & 0x8000) << 16);
}

// The upper half of a binary32.
inline float bf16_to_f32(std::uint16_t h) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16);
}

inline std::uint16_t f32_to_f16(float x) {
  std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  std::uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);  // NaN
  // >= 65520 rounds to infinity.
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);
  // Below 2^-14: subnormal. Adding 0.5 puts its unit, 2^-24, at the last bit of 0.5.
  if (magnitude < 0x38800000u) {
    float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  std::uint32_t odd = magnitude >> 13 & 1;
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

inline std::uint16_t f32_to_bf16(float x) {
  std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  // A NaN becomes a quiet NaN.
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

}  // namespace verbatim
