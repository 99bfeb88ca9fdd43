// sweep: grids of arguments for the tests of elementary functions, and digests that pin their results.
//
// A digest is over the little-endian bytes of the results: any machine, compiler or instruction set that
// gives one other bit fails. VERBATIM_EXHAUSTIVE=1 turns the strided sweeps over float32 into sweeps over
// every float32 (minutes).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "thinning.h"

namespace verbatim::spec {

static_assert(std::endian::native == std::endian::little);

// Random arguments of each test of a function of double.
inline constexpr std::uint64_t kDrawnArguments = 100'000 / kThinning;

inline std::uint32_t sweep_stride() { return std::getenv("VERBATIM_EXHAUSTIVE") != nullptr ? 1 : 251; }

// Calls visit(x) for every stride-th float32 by bit pattern,.
template <typename Visit>
void for_each_float(std::uint32_t stride, Visit visit) {
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += stride) {
    visit(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
}

template <typename T>
std::string digest(const std::vector<T>& values) {
  Sha256 sha;
  sha.update(values.data(), values.size() * sizeof(T));
  return sha.hex();
}

// The error of got against an approximation of the true value in double, in last places of a float32 there.
// The approximation's own error, below one last place of double, moves this by less than kApproximationError.
inline constexpr double kApproximationError = 0x1p-28;

inline double approximate_error_in_ulps(float got, double approximation) {
  constexpr double kOverflow = 0x1.ffffffp127;  // from here on, the nearest float32 is infinite
  if (std::fabs(approximation) >= kOverflow) return std::isinf(got) ? 0 : HUGE_VAL;
  auto exponent = static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(approximation) >> 52 & 0x7ff) - 1023;
  std::int64_t last_place = exponent - 23 < -149 ? -149 : exponent - 23;
  return std::fabs(got - approximation) * std::bit_cast<double>((1023 - last_place) << 52);
}

// The worst error of a float32 function over a sweep.
class WorstError {
 public:
  void add(float x, double error) {
    if (!(error <= error_)) {
      error_ = error;
      at_ = x;
    }
  }
  double error() const { return error_; }
  float at() const { return at_; }

 private:
  double error_ = 0;
  float at_ = 0;
};

}  // namespace verbatim::spec
