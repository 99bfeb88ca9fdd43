// row_scan: passes over a row of float32 numbers, written as loops that compilers turn into vector code.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace verbatim {

// Values of a block: of a constant, even number, which even a careful compiler takes several at a time.
inline constexpr std::size_t kScanBlock = 128;

// Whether body(value), of 0 or 1, is 1 for any value of the block at i.
template <class Body>
bool any_of_block(std::span<const float> v, std::size_t i, Body body) {
  std::uint32_t found = 0;
  for (std::size_t j = 0; j < kScanBlock; ++j) found |= body(v[i + j]);
  return found != 0;
}

inline bool all_finite(std::span<const float> v) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  const auto bad = [](float x) {
    return (std::bit_cast<std::uint32_t>(x) & kExponent) == kExponent ? 1u : 0u;
  };
  std::size_t i = 0;
  for (; i + kScanBlock <= v.size(); i += kScanBlock)
    if (any_of_block(v, i, bad)) return false;
  for (; i < v.size(); ++i)
    if (bad(v[i]) != 0) return false;
  return true;
}

// The largest value; which zero, where it is one, is not said.   REQUIRES: v is not empty and has no NaN
inline float largest(std::span<const float> v) {
  constexpr std::size_t kLanes = 16;
  float lanes[kLanes];
  for (float& lane : lanes) lane = v[0];
  const std::size_t whole = v.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t l = 0; l < kLanes; ++l) lanes[l] = v[i + l] > lanes[l] ? v[i + l] : lanes[l];
  float best = v[0];
  for (float lane : lanes) best = lane > best ? lane : best;
  for (float x : v.subspan(whole)) best = x > best ? x : best;
  return best;
}

// The first place that holds the value (either zero for zero).   REQUIRES: there is one
inline std::size_t first_equal(std::span<const float> v, float value) {
  const auto equal = [value](float x) { return x == value ? 1u : 0u; };
  std::size_t i = 0;
  while (i + kScanBlock <= v.size() && !any_of_block(v, i, equal)) i += kScanBlock;
  while (v[i] != value) ++i;
  return i;
}

}  // namespace verbatim
