// Philox4x32-10: the counter-based random generator of sampling.
//
// Meaning   A keyed bijection of 128-bit counters, ten rounds (Salmon, Moraes, Dror, Shaw 2011, "Parallel
//           random numbers: as easy as 1, 2, 3", section 4.3). The draw at (seed, position, stream) is a pure
//           function of the three: no state, so neither batch, order nor thread can reach it.
// Layout    key = (seed low, seed high); counter = (position low, position high, stream low, stream high),
//           32 bits each.
// Rounding  none: uniform draws are integers below 2^24 (2^53) times 2^-24 (2^-53), which is exact.
// Order     none.
#pragma once

#include <array>
#include <cstdint>

namespace verbatim::spec {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

constexpr std::uint32_t low_word(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
constexpr std::uint32_t high_word(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

constexpr PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key) {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;  // golden ratio, sqrt(3) - 1
  for (int round = 0; round < 10; ++round) {
    std::uint64_t product0 = kMultiplier0 * counter[0];
    std::uint64_t product1 = kMultiplier1 * counter[2];
    counter = {high_word(product1) ^ counter[1] ^ key[0], low_word(product1),
               high_word(product0) ^ counter[3] ^ key[1], low_word(product0)};
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  return counter;
}

// The four words drawn for (seed, position, stream).
constexpr PhiloxCounter random_words(std::uint64_t seed, std::uint64_t position, std::uint64_t stream) {
  return philox4x32({low_word(position), high_word(position), low_word(stream), high_word(stream)},
                    {low_word(seed), high_word(seed)});
}

// Uniform on the multiples of 2^-24 in [0, 1): the top 24 bits of word 0.
constexpr float uniform(std::uint64_t seed, std::uint64_t position, std::uint64_t stream) {
  return static_cast<float>(random_words(seed, position, stream)[0] >> 8) * 0x1p-24f;
}

// Uniform on the multiples of 2^-53 in [0, 1): the top 53 bits of word 0 (high) and word 1 (low).
constexpr double uniform64(std::uint64_t seed, std::uint64_t position, std::uint64_t stream) {
  PhiloxCounter words = random_words(seed, position, stream);
  std::uint64_t bits = std::uint64_t{words[0]} << 32 | words[1];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace verbatim::spec
