// log_softmax: log-probabilities of one row of logits.
//
// Meaning   y[i] = z[i] - log(sum_j exp(z[j]))
// Shapes    z (vocab) -> y (vocab) float32
// Rounding  R1  m = max z                        exact; a zero maximum is +0
//           R2  e_j = exp(z[j] - m)
//           R3  chunks of 1024: lanes64 of e_j;  the chunk sums are added as a chain in increasing order
//           R4  L = log(sum)
//           R5  (z[i] - m)
//           R6  R5 - L
#pragma once

#include <algorithm>
#include <cstdint>

#include "spec/exp.h"
#include "spec/lanes64.h"
#include "spec/log.h"

namespace verbatim::spec {

inline constexpr std::int64_t kSoftmaxChunk = 1024;

// A row that holds a NaN or +infinity, or nothing but -infinity, has no probabilities: both numbers are NaN.
struct LogNormaliser {
  float max = 0, log_sum = 0;
  float log_probability(float z) const { return (z - max) - log_sum; }
};

inline LogNormaliser log_normaliser(const float* z, std::int64_t vocab) {
  float m = z[0];
  for (std::int64_t i = 1; i < vocab; ++i) m = std::max(m, z[i]);
  m = m + 0.0f;  // -0 becomes +0
  float sum = 0;
  for (std::int64_t begin = 0; begin < vocab; begin += kSoftmaxChunk) {
    std::int64_t n = std::min(kSoftmaxChunk, vocab - begin);
    float e[kSoftmaxChunk];
    for (std::int64_t i = 0; i < n; ++i) e[i] = exp(z[begin + i] - m);
    sum = sum + lanes64_sum(e, n);
  }
  return {sum == sum ? m : sum, log(sum)};
}

inline void log_softmax(const float* z, std::int64_t vocab, float* y) {
  LogNormaliser normaliser = log_normaliser(z, vocab);
  for (std::int64_t i = 0; i < vocab; ++i) y[i] = normaliser.log_probability(z[i]);
}

}  // namespace verbatim::spec
