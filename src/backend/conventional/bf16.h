// bf16 as conventional engines use it: rows of float32 whose every element is a bf16.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/half.h"

namespace verbatim::conventional {

inline float round_to_bf16(float x) { return bf16_to_f32(f32_to_bf16(x)); }

// x: (n) -> y (n), which may be x. Whether all were finite.
inline bool round_to_bf16(const float* x, std::int64_t n, float* y) {
  std::uint32_t finite = 1;
  for (std::int64_t i = 0; i < n; ++i) {
    finite &= static_cast<std::uint32_t>(std::fabs(x[i]) <= 0x1.fffffep127f);
    y[i] = round_to_bf16(x[i]);
  }
  return finite != 0;
}

}  // namespace verbatim::conventional
