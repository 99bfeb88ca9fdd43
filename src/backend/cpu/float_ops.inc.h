// The float32 row kernels, written once over Vec. Included by <set>/float_ops.cc after <set>/vec.h, and by
// nothing else.
//
// Everything here, as everything in vec.h, has internal linkage: each instruction set compiles its own copy
// with its own flags, and the linker must never put one set's copy in place of another's (a processor without
// those instructions would stop). For the same reason nothing here calls an inline function of another header
// or a function template of the standard library; the constants of spec/ are shared, its functions are
// restated.
#include <cstddef>
#include <cstdint>

#include "backend/cpu/float_ops.h"
#include "spec/exp.h"
#include "spec/gelu.h"
#include "spec/normal_tail.h"
#include "spec/tanh.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kVec = 16;     // lanes of a Vec
constexpr std::int64_t kBlock = 128;  // tokens of an attention block
constexpr std::int64_t kRowPad = 64;  // a quantised row is padded to a multiple of it

// A row is walked 16 elements at a time. The walk's last step may be a Part: its loads give +0 beyond the row
// and its stores write nothing there.
struct Whole {};
struct Part {
  std::size_t n;
};

inline Vec load(const float* x, Whole) { return load(x); }
inline Vec load(const float* x, Part part) {
  float lanes[kVec] = {};
  __builtin_memcpy(lanes, x, part.n * sizeof(float));
  return load(lanes);
}
inline void store(float* x, Vec v, Whole) { store(x, v); }
inline void store(float* x, Vec v, Part part) {
  float lanes[kVec];
  store(lanes, v);
  __builtin_memcpy(x, lanes, part.n * sizeof(float));
}
inline VecPair load_pairs(const float* x, Whole) { return load_pairs(x); }
inline VecPair load_pairs(const float* x, Part part) {
  float lanes[2 * kVec] = {};
  __builtin_memcpy(lanes, x, 2 * part.n * sizeof(float));
  return load_pairs(lanes);
}
inline void store_pairs(float* x, VecPair v, Whole) { store_pairs(x, v); }
inline void store_pairs(float* x, VecPair v, Part part) {
  float lanes[2 * kVec];
  store_pairs(lanes, v);
  __builtin_memcpy(x, lanes, 2 * part.n * sizeof(float));
}

// body(i, Whole or Part) for i = 0, 16, ... below k.
template <class Body>
inline void each16(std::int64_t k, Body body) {
  std::int64_t i = 0;
  for (; i + kVec <= k; i += kVec) body(i, Whole{});
  if (i < k) body(i, Part{static_cast<std::size_t>(k - i)});
}

// spec/lanes64.h: four vectors hold the 64 lanes. join(lane, i, Whole or Part) returns the lanes after the
// elements at i joined them; a Part's missing elements must join as +0, which changes no lane.
template <class Join>
inline float lanes64(std::int64_t k, Join join) {
  Vec lane0 = broadcast(0), lane1 = lane0, lane2 = lane0, lane3 = lane0;
  std::int64_t i = 0;
  for (; i + 4 * kVec <= k; i += 4 * kVec) {
    lane0 = join(lane0, i, Whole{});
    lane1 = join(lane1, i + kVec, Whole{});
    lane2 = join(lane2, i + 2 * kVec, Whole{});
    lane3 = join(lane3, i + 3 * kVec, Whole{});
  }
  Vec lanes[] = {lane0, lane1, lane2, lane3};
  each16(k - i, [&](std::int64_t j, auto extent) {
    Vec& lane = lanes[j / kVec];
    lane = join(lane, i + j, extent);
  });
  return fold((lanes[0] + lanes[2]) + (lanes[1] + lanes[3]));
}

inline Vec negate(Vec x) { return broadcast(-0.0f) - x; }  // exact, zeros included

// ---- exp (spec/exp.h) ----

// z = n ln 2 + r, and q ~ (e^r - 1 - r) / r^2.
struct ReducedExp {
  Vec q, r, n, t;
};

// z: clamped.  rounder: 1.5 * 2^23 plus an even integer that t carries along
inline ReducedExp reduce_exp(Vec z, float rounder) {
  using namespace spec::exp_constants;
  Vec t = fma(z, broadcast(kLog2e), broadcast(rounder));  // R2
  Vec n = t - broadcast(rounder);
  Vec r = fma(n, broadcast(-kLn2High), z);  // R3
  r = fma(n, broadcast(-kLn2Low), r);       // R4
  Vec q = broadcast(kC6);                   // R5, but for its last two steps
  q = fma(q, r, broadcast(kC5));
  q = fma(q, r, broadcast(kC4));
  q = fma(q, r, broadcast(kC3));
  q = fma(q, r, broadcast(kC2));
  return {q, r, n, t};
}

// e^r for the r of R3 and R4, and the n that goes with it: exp(z) = p * 2^n.
struct ExpParts {
  Vec p, n, t;
};

inline ExpParts exp_parts(Vec z, float rounder) {
  ReducedExp e = reduce_exp(z, rounder);
  Vec p = fma(e.q, e.r, broadcast(1));
  return {fma(p, e.r, broadcast(1)), e.n, e.t};
}

inline Vec exp(Vec x) {
  using namespace spec::exp_constants;
  Vec z = min(broadcast(kHighest), max(broadcast(kLowest), x));  // R1
  ExpParts e = exp_parts(z, kRounder);
  return times_two_to(e.p, e.n);  // R6
}

// exp(x) for x <= 0, and NaN for the NaN that arithmetic makes (whose low bits are zero; a NaN read from
// memory may have others).
inline Vec exp_of_nonpositive(Vec x) {
  using namespace spec::exp_constants;
  ExpParts e = exp_parts(max(broadcast(kLowest), x), kRounder + kPowerBias);
  return times_two_to_nonpositive(e.p, e.n, e.t);
}

// ---- tanh, normal_tail ----

inline Vec absolute(Vec x) { return max_magnitude(broadcast(0), x); }

// spec/tanh.h
inline Vec tanh(Vec x) {
  Vec z = max(broadcast(spec::kTanhEnd), broadcast(-2) * absolute(x));  // R1
  ReducedExp of = reduce_exp(z, spec::exp_constants::kRounder);         // R2 to R5
  Vec q = fma(of.r * of.r, of.q, of.r);                                 // R6
  Vec power = times_two_to(broadcast(1), of.n);
  Vec e = fma(power, q, power - broadcast(1));          // R7
  return copy_sign(negate(e) / (e + broadcast(2)), x);  // R8
}

// spec/normal_tail.h
inline Vec normal_tail(Vec a) {
  using namespace spec::normal_tail_constants;
  Vec t = broadcast(1) / fma(a, broadcast(0.5f), broadcast(1));  // R1
  Vec p = broadcast(kC9);                                        // R2
  p = fma(p, t, broadcast(kC8));
  p = fma(p, t, broadcast(kC7));
  p = fma(p, t, broadcast(kC6));
  p = fma(p, t, broadcast(kC5));
  p = fma(p, t, broadcast(kC4));
  p = fma(p, t, broadcast(kC3));
  p = fma(p, t, broadcast(kC2));
  p = fma(p, t, broadcast(kC1));
  p = fma(p, t, broadcast(kC0));
  return (p * t) * exp(broadcast(-0.5f) * (a * a));  // R3 to R5
}

// ---- fix (spec/fix.h) ----

// R4: q = round_half_even(x * reciprocal), handed to put(i, 16 integers). No clamp is needed: |x| <= a, so
// |x * fl(Q / a)| < Q + 1/2 however both operations round.
template <class Put>
inline void quantise_row(const float* x, std::int64_t k, RowScale s, Put put) {
  std::int64_t written = 0;
  if (s.finite) {
    Vec reciprocal = broadcast(s.reciprocal);
    each16(k,
           [=](std::int64_t i, auto extent) { put(i, round_to_shorts(load(x + i, extent) * reciprocal)); });
    written = (k + kVec - 1) / kVec * kVec;
  }
  Shorts zero = round_to_shorts(broadcast(0));
  for (std::int64_t i = written; i < (k + kRowPad - 1) / kRowPad * kRowPad; i += kVec) put(i, zero);
}

inline RowScale quantise_by(const float* x, std::int64_t k, float max_abs, int limbs, const FixTarget& to) {
  RowScale s = row_scale_of(max_abs, limbs);
  if (to.form == RowForm::wide16) {
    quantise_row(x, k, s, [q = to.wide](std::int64_t i, Shorts v) { store_shorts(q + i, v); });
  } else if (limbs == 2) {
    quantise_row(x, k, s, [high = to.high, low = to.low](std::int64_t i, Shorts v) {
      store_limbs(high + i, low + i, v);
    });
  } else {
    quantise_row(x, k, s, [q = to.high](std::int64_t i, Shorts v) { store_bytes(q + i, v); });
  }
  return s;
}

RowScale quantise(const float* x, std::int64_t k, int limbs, const FixTarget& to) {
  Vec a = broadcast(0);
  each16(k, [&](std::int64_t i, auto extent) { a = max_magnitude(a, load(x + i, extent)); });  // R1
  return quantise_by(x, k, reduce_magnitude(a), limbs, to);
}

// ---- hadamard ----

// Stages below 16 stay inside a vector, which holds whole blocks of up to 16.
void hadamard(float* x, std::int64_t k, std::int64_t block) {
  each16(block > 1 ? k : 0, [&](std::int64_t i, auto extent) {
    Vec v = butterfly<1>(load(x + i, extent));
    if (block > 2) v = butterfly<2>(v);
    if (block > 4) v = butterfly<4>(v);
    if (block > 8) v = butterfly<8>(v);
    store(x + i, v, extent);
  });
  for (std::int64_t h = kVec; h < block; h *= 2) {
    for (std::int64_t pairs = 0; pairs < k; pairs += 2 * h) {
      for (std::int64_t i = pairs; i < pairs + h; i += kVec) {
        const Vec a = load(x + i), b = load(x + i + h);
        store(x + i, a + b);
        store(x + i + h, a - b);
      }
    }
  }
}

// ---- rms_norm, swiglu, gelu, sigmoid, softcap, rope, add, scale ----

void rms_norm(const float* x, const float* gain, float epsilon, std::int64_t k, float* y) {
  float sum_of_squares = lanes64(k, [&](Vec lane, std::int64_t i, auto extent) {
    Vec v = load(x + i, extent);
    return fma(v, v, lane);
  });
  Vec r = broadcast(rms_reciprocal_of(sum_of_squares, k, epsilon));
  each16(k, [&](std::int64_t i, auto extent) {
    store(y + i, (load(x + i, extent) * r) * load(gain + i, extent), extent);
  });
}

void swiglu(const float* gate, const float* up, std::int64_t k, float* y) {
  each16(k, [&](std::int64_t i, auto extent) {
    Vec g = load(gate + i, extent);
    Vec silu = g / (broadcast(1) + exp(negate(g)));
    store(y + i, silu * load(up + i, extent), extent);
  });
}

void clamped_swiglu(const float* gate, const float* up, float alpha, float limit, std::int64_t k, float* y) {
  Vec most = broadcast(limit), least = broadcast(-limit), slope = broadcast(alpha);
  each16(k, [&](std::int64_t i, auto extent) {
    Vec gate_i = load(gate + i, extent), up_i = load(up + i, extent);
    Vec g = min(most, gate_i), u = max(least, min(most, up_i));
    Vec silu = g / (broadcast(1) + exp(negate(slope * g)));
    Vec zero = (gate_i - gate_i) + (up_i - up_i);
    store(y + i, silu * (u + broadcast(1)) - zero, extent);
  });
}

void geglu_tanh(const float* gate, const float* up, std::int64_t k, float* y) {
  using namespace spec::gelu_constants;
  each16(k, [&](std::int64_t i, auto extent) {
    Vec x = load(gate + i, extent);
    Vec slope = fma(x * x, broadcast(kC3), broadcast(kC1));
    store(y + i, x / (broadcast(1) + exp(x * slope)) * load(up + i, extent), extent);
  });
}

void geglu_erf(const float* gate, const float* up, std::int64_t k, float* y) {
  each16(k, [&](std::int64_t i, auto extent) {
    Vec x = load(gate + i, extent), a = absolute(x);
    Vec gelu = fma(negate(a), normal_tail(a), max(x, broadcast(0)));
    store(y + i, gelu * load(up + i, extent), extent);
  });
}

void sigmoid(const float* x, std::int64_t count, float* y) {
  each16(count, [&](std::int64_t i, auto extent) {
    store(y + i, broadcast(1) / (broadcast(1) + exp(negate(load(x + i, extent)))), extent);
  });
}

void softcap(float* x, float cap, std::int64_t count) {
  Vec most = broadcast(cap);
  each16(count, [&](std::int64_t i, auto extent) {
    Vec z = load(x + i, extent);
    store(x + i, most * tanh(z / most) - (z - z), extent);
  });
}

inline VecPair rotate(VecPair x, Vec c, Vec s) {
  return {fma(x.first, c, negate(x.second * s)), fma(x.second, c, x.first * s)};
}

void rope(float* x, std::int64_t head_dim, bool interleaved, const float* cosine, const float* sine) {
  std::int64_t half = head_dim / 2;
  auto pairs_2i = [&](std::int64_t i, auto extent) {
    VecPair pair = load_pairs(x + 2 * i, extent);
    store_pairs(x + 2 * i, rotate(pair, load(cosine + i, extent), load(sine + i, extent)), extent);
  };
  auto pairs_half = [&](std::int64_t i, auto extent) {
    VecPair pair = {load(x + i, extent), load(x + half + i, extent)};
    pair = rotate(pair, load(cosine + i, extent), load(sine + i, extent));
    store(x + i, pair.first, extent);
    store(x + half + i, pair.second, extent);
  };
  if (interleaved) {
    each16(half, pairs_2i);
  } else {
    each16(half, pairs_half);
  }
}

void add(float* x, const float* y, std::int64_t count) {
  each16(count, [&](std::int64_t i, auto extent) {
    store(x + i, load(x + i, extent) + load(y + i, extent), extent);
  });
}

void scale(float* x, float s, std::int64_t count) {
  each16(count,
         [&](std::int64_t i, auto extent) { store(x + i, load(x + i, extent) * broadcast(s), extent); });
}

void add_scaled(float* x, const float* y, float s, std::int64_t count) {
  each16(count, [&](std::int64_t i, auto extent) {
    store(x + i, load(x + i, extent) + load(y + i, extent) * broadcast(s), extent);
  });
}

void add_weighted(float* x, const float* y, float w, std::int64_t count) {
  each16(count, [&](std::int64_t i, auto extent) {
    store(x + i, fma(broadcast(w), load(y + i, extent), load(x + i, extent)), extent);
  });
}

// ---- log_softmax ----

float max(const float* z, std::int64_t n) {
  Vec largest = broadcast(-__builtin_inff()), magnitude = broadcast(0);
  std::int64_t i = 0;
  for (; i + kVec <= n; i += kVec) {
    Vec v = load(z + i);
    largest = max(largest, v);
    magnitude = max_magnitude(magnitude, v);
  }
  float m = reduce_max(largest), a = reduce_magnitude(magnitude);
  for (; i < n; ++i) {
    m = z[i] > m ? z[i] : m;
    a = z[i] != z[i] ? z[i] : a;
  }
  return a != a ? a : m;
}

float sum_of_exp(const float* z, std::int64_t n, float m) {
  Vec shift = broadcast(m);
  float rest[kVec];  // the last n % 16 differences; -infinity elsewhere, whose exp is +0
  std::int64_t whole = n / kVec * kVec;
  for (std::int64_t i = 0; i < kVec; ++i) rest[i] = whole + i < n ? z[whole + i] : -__builtin_inff();
  return lanes64(n, [&](Vec lane, std::int64_t i, auto) {
    return lane + exp_of_nonpositive(load(i < whole ? z + i : rest) - shift);
  });
}

void exp_of_logits(const float* v, float best, float temperature, std::int64_t n, float* e) {
  Vec shift = broadcast(best), divisor = broadcast(temperature);
  each16(n, [&](std::int64_t i, auto extent) {
    Vec t = (load(v + i, extent) - shift) / divisor;  // R5
    // The lanes beyond a row's end may be positive, and are brought to 0.
    store(e + i, exp_of_nonpositive(min(broadcast(0), t)), extent);  // R6
  });
}

// ---- attention ----

BlockShare attend_block(float* a, const float* value_scale, std::int64_t begin, std::int64_t end, int limbs,
                        const FixTarget& w) {
  // An invisible place holds -infinity: then p = +0, u = +0 and w = 0 there without another test.
  for (std::int64_t t = 0; t < begin; ++t) a[t] = -__builtin_inff();
  for (std::int64_t t = end; t < kBlock; ++t) a[t] = -__builtin_inff();

  Vec largest = load(a);
  for (std::int64_t t = kVec; t < kBlock; t += kVec) largest = max(largest, load(a + t));
  float m = reduce_max(largest);  // R3; where a score is NaN, some m: the NaN reaches l
  Vec shift = broadcast(m), magnitude = broadcast(0);
  float u[kBlock];
  float l = lanes64(kBlock, [&](Vec lane, std::int64_t t, auto) {
    Vec p = exp_of_nonpositive(load(a + t) - shift);  // R4
    Vec u_t = p * load(value_scale + t);              // R6
    store(u + t, u_t);
    magnitude = max_magnitude(magnitude, u_t);
    return lane + p;  // R5
  });
  RowScale s = quantise_by(u, kBlock, reduce_magnitude(magnitude), limbs, w);
  return {m, l, s.scale};
}

void merge(const ChainRows& chain, const ChainRows& block, std::int64_t rows, std::int64_t d) {
  for (std::int64_t row = 0; row < rows; row += kVec) {
    float a[kVec], b[kVec];
    std::int64_t n = rows - row < kVec ? rows - row : kVec;
    Part part{static_cast<std::size_t>(n)};
    Vec m = load(chain.m + row, part), m_block = load(block.m + row, part);
    Vec m_joined = max(m, m_block);
    Vec keep = exp_of_nonpositive(m - m_joined), take = exp_of_nonpositive(m_block - m_joined);
    store(a, keep);
    store(b, take);
    store(chain.m + row, m_joined, part);
    Vec l = fma(load(chain.l + row, part), keep, load(block.l + row, part) * take);
    store(chain.l + row, l, part);
    for (std::int64_t r = 0; r < n; ++r) {
      float *o = chain.o + (row + r) * d, *o_block = block.o + (row + r) * d;
      Vec keep_r = broadcast(a[r]), take_r = broadcast(b[r]);
      each16(d, [&](std::int64_t j, auto extent) {
        store(o + j, fma(load(o + j, extent), keep_r, load(o_block + j, extent) * take_r), extent);
      });
    }
  }
}

void divide(const float* o, float l, std::int64_t d, float* y) {
  Vec divisor = broadcast(l);
  each16(d, [&](std::int64_t j, auto extent) { store(y + j, load(o + j, extent) / divisor, extent); });
}

constexpr FloatOps kFloatOps = {quantise,   hadamard,      rms_norm,     swiglu,       clamped_swiglu,
                                geglu_tanh, geglu_erf,     sigmoid,      softcap,      rope,
                                add,        scale,         add_scaled,   add_weighted, max,
                                sum_of_exp, exp_of_logits, attend_block, merge,        divide};

}  // namespace
}  // namespace verbatim::cpu
