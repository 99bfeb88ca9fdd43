// bits: the pattern of a float or double, by which tests compare results.
#pragma once

#include <bit>
#include <cstdint>

namespace verbatim::spec {

inline std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }
inline std::uint64_t bits(double x) { return std::bit_cast<std::uint64_t>(x); }

}  // namespace verbatim::spec
