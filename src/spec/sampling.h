// sampling: one row of logits -> one token,
// a pure function of (row, parameters, history, allowed tokens, seed, position, choice).
//
// Shapes    z (vocab) float32, finite -> a token id in [0, vocab)
// Rounding  For each token i:
//           R1  v = z[i] + bias[i]                where the request lists a bias
//           R2  v = v > 0 ? v / r : v * r         r: repetition penalty, for tokens of prompt or answer
//           R3  v = v - f32(count) * frequency    two roundings, for tokens of the answer
//           R4  v = v - presence                  for tokens of the answer
//           F0  Tokens that the request's constraint refuses are left out of all that follows, as if the
//               vocabulary did not hold them. They still must be finite.
//           The best token has the largest v, ties to the lower id. Temperature 0 returns it. Else:
//           R5  t = (v - v_best) / temperature    two roundings
//           R6  e = exp(t)                        exp.h; the best token has e = 1
//           R7  w = floor(e * 2^40)               an integer: every sum below is exact and has no order
// Order     Tokens are ranked by v, largest first, ties to the lower id. Three filters, in this order:
//           F1  top_k  keeps the first top_k of the ranking (0: all)
//           F2  min_p  keeps tokens with e >= min_p
//           F3  top_p  keeps the shortest beginning of the ranking whose weight reaches floor(T * P / 2^32),
//                      where T is the weight left by F1 and F2 and P = floor(top_p * 2^32); one token at
//                      least. top_p = 1: all
//           Draw       x = floor(R * S / 2^64), R the 64 random bits of philox.h at (seed, position, choice),
//                      S the weight that is left: uniform on 0 .. S-1. The answer is the first token, by
//                      increasing id, at which the running sum of weights exceeds x.
//
// Integers, not a float32 chain in ranking order: a chain stops growing at weights under 2^-25 of its sum,
// and it needs the whole vocabulary sorted; a set has one integer sum, in whatever order a program meets its
// members.
//
// `position` is the place of the new token in its sequence, prompt included. `choice` numbers the answers to
// one prompt (n > 1), which draw from different streams. Penalties follow vLLM: repetition looks at prompt
// and answer, frequency and presence (OpenAI) at the answer alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "spec/exp.h"
#include "spec/philox.h"

namespace verbatim::spec {

struct SamplingParams {
  float temperature = 1;         // >= 0; 0: always the best token
  std::int64_t top_k = 0;        // >= 0; 0: off
  float top_p = 1;               // in [0, 1]; 1: off; 0: the most likely token
  float min_p = 0;               // in [0, 1]; 0: off
  float repetition_penalty = 1;  // > 0; 1: off
  float frequency_penalty = 0, presence_penalty = 0;
  std::vector<std::pair<std::int32_t, float>> logit_bias;  // (token, bias), each token once
  std::uint64_t seed = 0;

  bool uses_history() const {
    return repetition_penalty != 1 || frequency_penalty != 0 || presence_penalty != 0;
  }
};

// The tokens of a sequence so far: token -> how often it stands in the answer; 0: in the prompt only.
using TokenCounts = std::map<std::int32_t, std::int32_t>;

// Where in the random stream a token is drawn; the seed is in the parameters.
struct DrawPlace {
  std::uint64_t position = 0, choice = 0;
};

// F0: bit i % 64 of word i / 64 is token i; tokens beyond the words are refused. No words at all: every token
// is allowed.
using AllowedTokens = std::span<const std::uint64_t>;

inline bool is_allowed(AllowedTokens allowed, std::size_t token) {
  return allowed.empty() || (token / 64 < allowed.size() && (allowed[token / 64] >> token % 64 & 1) != 0);
}

inline constexpr float kWeightUnit = 0x1p40f;

// R1 .. R4.  v: (vocab), z on entry.  No token's result depends on another's,
// so lists may be walked in any order.
inline void adjust_logits(const SamplingParams& params, const TokenCounts& counts, float* v) {
  for (auto [token, bias] : params.logit_bias) v[token] = v[token] + bias;  // R1
  if (!params.uses_history()) return;
  float r = params.repetition_penalty;
  for (auto [token, count] : counts) {
    float& value = v[token];
    if (r != 1) value = value > 0 ? value / r : value * r;  // R2
    if (count == 0) continue;
    value = value - static_cast<float>(count) * params.frequency_penalty;  // R3
    value = value - params.presence_penalty;                               // R4
  }
}

// R5
constexpr float relative_logit(float v, float v_best, float temperature) {
  return (v - v_best) / temperature;
}

// R7.  e <= 1: the product is exact and below 2^41.
constexpr std::uint64_t weight_of(float e) { return static_cast<std::uint64_t>(e * kWeightUnit); }

// The weight that F3 must reach.  total < 2^63, top_p < 1.
constexpr std::uint64_t nucleus_weight(std::uint64_t total, float top_p) {
  auto share = static_cast<std::uint64_t>(static_cast<double>(top_p) * 0x1p32);
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(total) * share >> 32);
}

// x of the draw.
constexpr std::uint64_t draw_below(std::uint64_t sum, std::uint64_t seed, DrawPlace place) {
  PhiloxCounter words = random_words(seed, place.position, place.choice);
  std::uint64_t bits = std::uint64_t{words[0]} << 32 | words[1];
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(bits) * sum >> 64);
}

// nullopt: a logit, or a logit after R1 .. R4, is not finite.
// REQUIRES: some token is allowed
inline std::optional<std::int32_t> sample(std::span<const float> z, const SamplingParams& params,
                                          const TokenCounts& counts, DrawPlace place,
                                          AllowedTokens allowed = {}) {
  std::vector<float> v(z.begin(), z.end());
  adjust_logits(params, counts, v.data());
  auto is_finite = [](float x) { return std::isfinite(x); };
  if (!std::all_of(z.begin(), z.end(), is_finite) || !std::all_of(v.begin(), v.end(), is_finite))
    return std::nullopt;

  struct Candidate {
    std::int32_t token;
    float e;
    std::uint64_t w;
  };
  std::vector<Candidate> ranking;
  for (std::size_t i = 0; i < v.size(); ++i)
    if (is_allowed(allowed, i)) ranking.push_back({static_cast<std::int32_t>(i), 0, 0});  // F0
  std::stable_sort(ranking.begin(), ranking.end(),
                   [&](const Candidate& a, const Candidate& b) { return v[a.token] > v[b.token]; });
  float v_best = v[ranking[0].token];
  if (params.temperature == 0) return ranking[0].token;

  if (params.top_k > 0 && params.top_k < static_cast<std::int64_t>(ranking.size()))  // F1
    ranking.resize(static_cast<std::size_t>(params.top_k));
  for (Candidate& c : ranking) {
    c.e = exp(relative_logit(v[c.token], v_best, params.temperature));  // R6
    c.w = weight_of(c.e);
  }
  std::erase_if(ranking, [&](const Candidate& c) { return c.e < params.min_p; });  // F2
  if (params.top_p < 1) {                                                          // F3
    std::uint64_t total = 0, reached = 0;
    for (const Candidate& c : ranking) total += c.w;
    std::size_t kept = 0;
    do reached += ranking[kept++].w;
    while (reached < nucleus_weight(total, params.top_p));
    ranking.resize(kept);
  }

  std::sort(ranking.begin(), ranking.end(),
            [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
  std::uint64_t sum = 0, running = 0;
  for (const Candidate& c : ranking) sum += c.w;
  std::uint64_t x = draw_below(sum, params.seed, place);
  std::size_t i = 0;
  while ((running += ranking[i].w) <= x) ++i;
  return ranking[i].token;
}

}  // namespace verbatim::spec
