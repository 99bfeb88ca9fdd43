// rope: rotary position embedding   (Su et al. 2021)
//
// Meaning   pair i of a head at position p turns by p * f_i:  (x0, x1) -> (x0 cos - x1 sin, x1 cos + x0 sin)
//           The first d of a head's dimensions turn, in pairs (i, i + d/2), or (2i, 2i + 1) where interleaved. Where d is less than
//           head_dim (partial rotary), the others are left as they are.
// Shapes    x (head_dim) -> x (head_dim); tables cos, sin (d/2) a position
// Rounding  Table, in double precision by sin_cos.h and pow.h, so the same on every machine:
//           f_i = theta^(-2i/d), scaled as below;  angle = p * f_i;
//           c = f32(cos(angle) * mscale), s = f32(sin(angle) * mscale)
//           R1  x1 * s
//           R2  x0' = fma(x0, c, -R1)
//           R3  x0 * s
//           R4  x1' = fma(x1, c, R3)
// Order     none: pairs are independent.
// Scaling   none;
//           linear (f / factor);
//           llama3 (Llama 3.1: long waves divided by factor, a smooth band between);
//           yarn (Peng et al. 2023, "NTK by parts", mscale = 0.1 ln(factor) + 1), whose band begins and ends at whole pairs
//           unless a model says otherwise;
//           frequency_factors: f_i / factor_i, and f_i = 0 where factor_i >= 1e30: such a pair does not turn.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "spec/fma.h"
#include "spec/pow.h"
#include "spec/sin_cos.h"

namespace verbatim::spec {

enum class RopeScalingKind : std::uint8_t { none, linear, llama3, yarn };

struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::none;
  double factor = 1;
  double original_context = 0;                       // llama3, yarn
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double beta_fast = 32, beta_slow = 1;              // yarn
  bool whole_pairs = true;                           // yarn; false: the ends of the band keep their fractions
  std::optional<double> attention_factor;            // yarn; when absent 0.1 ln(factor) + 1
  // (d/2), GGUF's rope_freqs.weight: each frequency is divided by its factor.
  std::vector<float> frequency_factors;
};

namespace rope_detail {

inline constexpr double kTwoPi = 6.283185307179586476925;
inline constexpr float kInfiniteFactor = 1e30f;  // how files write "no rotation" as a factor

inline double llama3_frequency(double f, const RopeScaling& s) {
  double turns = s.original_context * f / kTwoPi;  // how often the wave turns in the original context
  double smooth =
      std::clamp((turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor), 0.0, 1.0);
  return (1 - smooth) * (f / s.factor) + smooth * f;
}

// The pair index at which a wave turns `turns` times in the original context.
inline double yarn_pair(double turns, std::int64_t d, double theta, const RopeScaling& s) {
  return static_cast<double>(d) * log64(s.original_context / (turns * kTwoPi)) / (2 * log64(theta));
}

inline double yarn_frequency(double f, std::int64_t i, std::int64_t d, double theta, const RopeScaling& s) {
  double low = yarn_pair(s.beta_fast, d, theta, s), high = yarn_pair(s.beta_slow, d, theta, s);
  if (s.whole_pairs) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(d - 1));
  if (low == high) high += 0.001;
  double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
  return (f / s.factor) * ramp + f * (1 - ramp);
}

}  // namespace rope_detail

// f_i of every pair.  d: rotated dimensions of a head, even
inline std::vector<double> rope_frequencies(std::int64_t d, double theta, const RopeScaling& scaling) {
  std::vector<double> f;
  for (std::int64_t i = 0; i < d / 2; ++i) {
    double base = 1 / pow64(theta, static_cast<double>(2 * i) / static_cast<double>(d));
    switch (scaling.kind) {
      case RopeScalingKind::none:
        break;
      case RopeScalingKind::linear:
        base = base / scaling.factor;
        break;
      case RopeScalingKind::llama3:
        base = rope_detail::llama3_frequency(base, scaling);
        break;
      case RopeScalingKind::yarn:
        base = rope_detail::yarn_frequency(base, i, d, theta, scaling);
        break;
    }
    if (!scaling.frequency_factors.empty()) {
      float factor = scaling.frequency_factors[static_cast<std::size_t>(i)];
      base = factor >= rope_detail::kInfiniteFactor ? 0 : base / factor;
    }
    f.push_back(base);
  }
  return f;
}

inline double rope_mscale(const RopeScaling& scaling) {
  if (scaling.kind != RopeScalingKind::yarn) return 1;
  if (scaling.attention_factor) return *scaling.attention_factor;
  return scaling.factor <= 1 ? 1 : 0.1 * log64(scaling.factor) + 1;
}

// One position's row of the tables.  cosine, sine: (d/2)
constexpr void rope_row(std::span<const double> frequencies, double mscale, std::int64_t position,
                        float* cosine, float* sine) {
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    SinCos angle = sin_cos64(static_cast<double>(position) * frequencies[i]);
    cosine[i] = static_cast<float>(angle.cos * mscale);
    sine[i] = static_cast<float>(angle.sin * mscale);
  }
}

constexpr void rotate(float& x0, float& x1, float c, float s) {
  float y0 = fma(x0, c, -(x1 * s));
  float y1 = fma(x1, c, x0 * s);
  x0 = y0;
  x1 = y1;
}

// One head at one position.  x: (head_dim), d <= head_dim of which turn;  cosine, sine: (d/2)
inline void rope(float* x, std::int64_t d, bool interleaved, const float* cosine, const float* sine) {
  for (std::int64_t i = 0; i < d / 2; ++i) {
    float& x0 = interleaved ? x[2 * i] : x[i];
    float& x1 = interleaved ? x[2 * i + 1] : x[d / 2 + i];
    rotate(x0, x1, cosine[i], sine[i]);
  }
}

}  // namespace verbatim::spec
