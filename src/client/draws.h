// Draws: random numbers and words, the same with every standard library: the engine's values are fixed by the C++
// standard, those of its distributions are not.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace verbatim::client {

class Draws {
 public:
  explicit Draws(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }               // REQUIRES: limit > 0
  double uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }  // in (0, 1)
  double exponential();                                                                // mean 1
  double normal();                                                                     // mean 0, variance 1
  std::string words(std::int64_t count);  // short and common ones, with spaces between

 private:
  std::mt19937_64 engine_;
};

}  // namespace verbatim::client
