// FloatOps: the float32 operations of the forward pass, one table of row kernels per instruction set.
//
// Each kernel sees one row, gives the bits of its page in spec/, and is single threaded: cpu_backend.cc
// divides rows among threads. The kernels are written once (float_ops.inc.h) over a 16-wide vector
// (<set>/vec.h) and compiled once per set (<set>/float_ops.cc).
#pragma once

#include <cstdint>

#include "backend/cpu/gemm.h"
#include "spec/gating.h"

namespace verbatim::cpu {

// Where the integers of one row go, in the form that the set's gemm reads. The kernels write a multiple of 64
// elements: zeros follow the row.
struct FixTarget {
  RowForm form = RowForm::wide16;
  std::int16_t* wide = nullptr;  // wide16: both limbs in one integer
  std::int8_t* high = nullptr;   // planes8: the high (or only) limb
  std::int8_t* low = nullptr;    // planes8, two limbs: the low limb
};

// The scale of a quantised row; not finite where the row held a NaN or an infinity: then it is all zeros.
struct RowScale {
  float scale = 0;
  float reciprocal = 0;
  bool finite = true;
};

// One row's share of one attention block (spec/attention.h): m_B, l_B and the scale of the weights w.
struct BlockShare {
  float m = 0, l = 0, w_scale = 0;
};

// Partial results of `rows` query rows, side by side.
struct ChainRows {
  float* m = nullptr;  // (rows)
  float* l = nullptr;  // (rows)
  float* o = nullptr;  // (rows, d)
};

struct FloatOps {
  // spec/fix.h: x (k)
  RowScale (*quantise)(const float* x, std::int64_t k, int limbs, const FixTarget& q);
  // spec/hadamard.h: x (k) in place, in blocks of a power of two that divides k
  void (*hadamard)(float* x, std::int64_t k, std::int64_t block);
  // spec/rms_norm.h: x, gain (k) -> y (k), which may be x
  void (*rms_norm)(const float* x, const float* gain, float epsilon, std::int64_t k, float* y);
  // spec/swiglu.h: gate, up (k) -> y (k)
  void (*swiglu)(const float* gate, const float* up, std::int64_t k, float* y);
  // spec/clamped_swiglu.h: gate, up (k) -> y (k)
  void (*clamped_swiglu)(const float* gate, const float* up, float alpha, float limit, std::int64_t k,
                         float* y);
  // spec/gelu.h, both forms: gate, up (k) -> y (k)
  void (*geglu_tanh)(const float* gate, const float* up, std::int64_t k, float* y);
  void (*geglu_erf)(const float* gate, const float* up, std::int64_t k, float* y);
  // spec/sigmoid.h: x (count) -> y (count)
  void (*sigmoid)(const float* x, std::int64_t count, float* y);
  // spec/softcap.h: x (count) in place
  void (*softcap)(float* x, float cap, std::int64_t count);
  // spec/rope.h: x (head_dim) of one head in place; cosine, sine (head_dim / 2) of its position.
  // Of a head that turns in part, head_dim is the part.
  void (*rope)(float* x, std::int64_t head_dim, bool interleaved, const float* cosine, const float* sine);
  // x, y (count): x[i] = x[i] + y[i]
  void (*add)(float* x, const float* y, std::int64_t count);
  // spec/scale.h: x[i] = x[i] * s;  x[i] = x[i] + y[i] * s
  void (*scale)(float* x, float s, std::int64_t count);
  void (*add_scaled)(float* x, const float* y, float s, std::int64_t count);
  // spec/moe.h R7, R8: x[i] = fma(w, y[i], x[i])
  void (*add_weighted)(float* x, const float* y, float w, std::int64_t count);

  // The largest of z (n): NaN if any is NaN; which zero, where it is one, is not said.
  float (*max)(const float* z, std::int64_t n);
  // lanes64 of exp(z[i] - m)   REQUIRES: no NaN, z[i] <= m < infinity
  float (*sum_of_exp)(const float* z, std::int64_t n, float m);
  // e[i] = exp((v[i] - best) / temperature)   v, e: (n)   REQUIRES: no NaN, v[i] <= best < infinity
  void (*exp_of_logits)(const float* v, float best, float temperature, std::int64_t n, float* e);

  // spec/attention.h R3 to R6 of one row and one block.
  //   a: (128) scores, of which [begin, end) are visible; what lies elsewhere is overwritten
  //   value_scale: (128), finite and >= 0    ->  w: (128)
  BlockShare (*attend_block)(float* a, const float* value_scale, std::int64_t begin, std::int64_t end,
                             int limbs, const FixTarget& w);
  // spec/attention.h Order: `block` joins `chain`.
  void (*merge)(const ChainRows& chain, const ChainRows& block, std::int64_t rows, std::int64_t d);
  // y[i] = o[i] / l
  void (*divide)(const float* o, float l, std::int64_t d, float* y);
};

extern const FloatOps kFloatGeneric, kFloatAvx2, kFloatAvx512, kFloatNeon;

// The scalar steps of a row, compiled for the base processor: the kernels call them once a row, so that no
// instruction set has a second copy of them.
RowScale row_scale_of(float max_abs, int limbs);                               // spec/fix.h R2, R3
float rms_reciprocal_of(float sum_of_squares, std::int64_t k, float epsilon);  // spec/rms_norm.h R2 to R5

// spec/gating.h by the kernel of its form: gate, up (k) -> y (k)
void gate_row(const FloatOps& ops, const spec::Gating& gating, const float* gate, const float* up,
              std::int64_t k, float* y);

}  // namespace verbatim::cpu
