// Ranking of tokens: larger value first, ties to the lower id, as one unsigned comparison.
//
// A RankKey holds value and id, so no two keys of a row are equal: every selection algorithm, stable or not,
// gives the one answer. +0 and -0 are one value.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace verbatim {

using RankKey = std::uint64_t;  // a larger key ranks first

// REQUIRES: value is not a NaN
constexpr RankKey rank_key(float value, std::int32_t token) {
  std::uint32_t bits = std::bit_cast<std::uint32_t>(value + 0.0f);  // -0 + 0 = +0
  // Floats as unsigned integers in the same order.
  std::uint32_t ordered = bits >> 31 ? ~bits : bits | 0x80000000u;
  return std::uint64_t{ordered} << 32 | ~static_cast<std::uint32_t>(token);
}

constexpr std::int32_t token_of(RankKey key) {
  return static_cast<std::int32_t>(~static_cast<std::uint32_t>(key));
}

// The first n of the ranking, best first; all when there are fewer.  REQUIRES: no value is a NaN
std::vector<RankKey> best_keys(std::span<const float> values, std::size_t n);

}  // namespace verbatim
