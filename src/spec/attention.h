// attention: one query head over the cached keys and values of one KV head
// (Vaswani et al. 2017; blocks as in Dao et al. 2022)
//
// Meaning   softmax(q . k_t / sqrt(d)) v_t over the visible positions t: first_visible <= t <= p, where
//           first_visible is max(0, p - window + 1) under a sliding window and 0 without one.
// Shapes    q (d) Fix; k, v: (tokens, d) integers with one scale a token -> out (d) float32
//           Where a side has one limb, queries, keys and values are rotated (hadamard.h) before they become integers, in
//           blocks of B = attention_block(d); else B = 1, and nothing is rotated.
// Rounding  Positions are cut into blocks of 128 from absolute position 0. For each block B that holds a
//           visible t:
//           R1  c = (1 / sqrt(d)) / B                  two roundings, once; the last division is exact. A model with a scale of
//                                                      its own: c = scale / B
//           R2  a_t = f32(q . k_t) * ((s_q * c) * s_k[t])    products as in linear.h: three of two limbs each
//               a_t = softcap(a_t, cap)                softcap.h, where a model caps its scores
//           R3  m_B = max a_t                          exact
//           R4  p_t = exp(a_t - m_B)                   one subtraction, then exp.h
//           R5  l_B = lanes64 of p_t                   t counted from the block's start
//           R6  u_t = p_t * s_v[t];  w = quantise(u)   fix.h, with the limbs of the activations; invisible t
//                                                      have w_t = 0
//           R7  o_B[j] = f32(sum_t w_t * v_t[j]) * s_w
//           A score that overflows to -infinity has p_t = 0 and is no fault, unless scores are capped; one that is +infinity or
//           NaN is.
// Order     The first block gives (m, l, o), or joins (sink, 1, +0) where a head has a sink, a score that has no key and no value.
//           Later blocks join in increasing B (fma where written):
//           m' = max(m, m_B), a = exp(m - m'), b = exp(m_B - m'),
//           l' = fma(l, a, l_B * b), o'[j] = fma(o[j], a, o_B[j] * b).
//           R8  The result is o[j] / (l B), whose product is exact; rotated back (hadamard.h) where B > 1.
//           A block's result depends on nothing outside the block, so blocks may be computed anywhere, in any
//           order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "spec/exp.h"
#include "spec/fix.h"
#include "spec/fma.h"
#include "spec/hadamard.h"
#include "spec/lanes64.h"
#include "spec/linear.h"
#include "spec/softcap.h"

namespace verbatim::spec {

inline constexpr std::int64_t kAttentionBlock = 128;

// Blocks of the rotation: as much of a head as a power of two divides.
constexpr std::int64_t attention_block(std::int64_t d, bool rotated) {
  return rotated ? hadamard_block(d, d) : 1;
}

// What a model says of its scores.
struct ScoreForm {
  std::optional<float> scale;  // in place of 1 / sqrt(d)
  float cap = 0;               // 0: none
};

// R1
inline float attention_scale(std::int64_t d, std::int64_t block, std::optional<float> own = {}) {
  return (own ? *own : 1.0f / std::sqrt(static_cast<float>(d))) / static_cast<float>(block);
}

constexpr std::int64_t first_visible(std::int64_t position, std::int64_t window) {
  return window > 0 ? std::max<std::int64_t>(0, position - window + 1) : 0;
}

// Keys or values of one KV head, by absolute position.
struct FixTokens {
  const std::int16_t* q = nullptr;  // (tokens, d)
  const float* scale = nullptr;     // (tokens)
  int limbs = 2;
};

struct AttentionBlock {
  float m = 0, l = 0;
  std::vector<float> o;  // (d)
};

// One block's share: positions [begin, end), all visible, begin and end inside one block of 128.  row_scale: s_q * c;  cap: of
// the scores, 0: none
inline AttentionBlock attend_block(const std::int16_t* q, float row_scale, FixTokens k, FixTokens v,
                                   std::int64_t d, int limbs, std::int64_t begin, std::int64_t end,
                                   float cap = 0) {
  const bool three = limbs == 2 && k.limbs == 2;
  std::int64_t start = begin / kAttentionBlock * kAttentionBlock;
  float p[kAttentionBlock] = {}, u[kAttentionBlock] = {};
  std::int16_t w[kAttentionBlock];

  AttentionBlock block;
  block.m = -INFINITY;
  for (std::int64_t t = begin; t < end; ++t) {
    p[t - start] = scale_dot(integer_dot(q, k.q + t * d, d, three), row_scale, k.scale[t]);
    if (cap > 0) p[t - start] = softcap(p[t - start], cap);
    block.m = std::max(block.m, p[t - start]);
  }
  for (std::int64_t t = begin; t < end; ++t) {
    p[t - start] = exp(p[t - start] - block.m);
    u[t - start] = p[t - start] * v.scale[t];
  }
  // Invisible places hold +0, which changes no sum of non-negative numbers.
  block.l = lanes64_sum(p, kAttentionBlock);
  FixScale s_w = quantise(u, kAttentionBlock, limbs, w);
  for (std::int64_t j = 0; j < d; ++j) {
    std::int64_t acc = 0;
    for (std::int64_t t = begin; t < end; ++t) acc += integer_product(w[t - start], v.q[t * d + j], three);
    block.o.push_back(static_cast<float>(acc) * s_w.scale);
  }
  return block;
}

inline void merge(AttentionBlock& chain, const AttentionBlock& next) {
  float m = std::max(chain.m, next.m);
  float a = exp(chain.m - m), b = exp(next.m - m);
  chain.m = m;
  chain.l = fma(chain.l, a, next.l * b);
  for (std::size_t j = 0; j < chain.o.size(); ++j) chain.o[j] = fma(chain.o[j], a, next.o[j] * b);
}

// Where the chain begins, for a head with a sink.
inline AttentionBlock sink_block(float sink, std::int64_t d) {
  return {sink, 1, std::vector<float>(static_cast<std::size_t>(d))};
}

// q: (d), the query at `position`.  limbs: of q and of w.  block: B.  out: (d)
inline void attention(const std::int16_t* q, float s_q, FixTokens k, FixTokens v, std::int64_t d, int limbs,
                      std::int64_t block, std::int64_t position, std::int64_t window, float* out,
                      const ScoreForm& form = {}, std::optional<float> sink = {}) {
  const float row_scale = s_q * attention_scale(d, block, form.scale);
  std::int64_t begin = first_visible(position, window);
  auto block_end = [&](std::int64_t t) {
    return std::min(position + 1, (t / kAttentionBlock + 1) * kAttentionBlock);
  };
  AttentionBlock chain = attend_block(q, row_scale, k, v, d, limbs, begin, block_end(begin), form.cap);
  if (sink) {
    AttentionBlock first = std::move(chain);
    chain = sink_block(*sink, d);
    merge(chain, first);
  }
  for (std::int64_t t = block_end(begin); t <= position; t = block_end(t)) {
    merge(chain, attend_block(q, row_scale, k, v, d, limbs, t, block_end(t), form.cap));
  }
  const float divisor = chain.l * static_cast<float>(block);
  for (std::int64_t j = 0; j < d; ++j) out[j] = chain.o[static_cast<std::size_t>(j)] / divisor;
  hadamard(out, d, block);
}

}  // namespace verbatim::spec
