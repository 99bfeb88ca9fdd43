// The narrow waist: every operation of the forward pass, once. A backend implements this interface; the model
// calls nothing else.
//
// Each operation works on rows (tokens). The body of every operation sees one row: the batch is the outermost
// loop and appears nowhere else. What an operation must compute, to the bit, is its page in spec/ (named
// beside it); a backend is free in everything else. All matrices are row-major float32 and dense unless a
// shape says otherwise.
//
// Operations are enqueued, and run in that order, when the backend likes; Memory::read waits for them. Every pointer to
// elements is into the backend's memory and must stay good until then; what an operation is told in numbers, structs and spans
// is the host's and may go away when the call returns.
//
// A NaN or an infinity is noticed where a row is quantised: the row's fault gets the site of the operation
// (see Faults), its integers become zeros and the other rows are not touched.
//
// Not thread safe: one caller at a time. A backend divides the work over its own threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "ops/fix_rows.h"
#include "ops/kv_pages.h"
#include "ops/logits_math.h"
#include "ops/panels.h"
#include "ops/placed_matrix.h"
#include "ops/step_batch.h"
#include "spec/gating.h"
#include "spec/moe.h"

namespace verbatim {

// Where a row first met a value that is not finite.
struct Faults {
  std::uint32_t* site_of_row = nullptr;  // 0 while all is well, else the site of the first fault
  std::uint32_t site = 0;                // the operation about to run, numbered by the model, > 0
  const std::int32_t* rows = nullptr;    // of each token: its place in site_of_row; nullptr: as they are
  std::int64_t per_row = 1;              // rows of the operation for each token, side by side

  // Where the site of a row of the operation lies.
  constexpr std::uint32_t* place_of(std::int64_t row) const {
    const std::int64_t token = row / per_row;
    return site_of_row + (rows ? rows[token] : token);
  }
  // Threads that share a row may all report it.
  void set(std::int64_t row) const {
    std::uint32_t none = 0;
    std::atomic_ref(*place_of(row)).compare_exchange_strong(none, site, std::memory_order_relaxed);
  }
};

// One matrix of a `linear`: y = W x (+ bias).
struct LinearJob {
  const PackedMatrix* w = nullptr;  // placed; the struct outlives the operation
  const float* bias = nullptr;      // (n) or nullptr
  float* y = nullptr;               // (rows, n)
};

// The matrices of all experts of a `linear_experts`, stacked: expert e has the rows [e * n, (e + 1) * n) of w.
struct ExpertsJob {
  const PackedMatrix* w = nullptr;  // (experts * n, k), placed; the struct outlives the operation
  std::int64_t experts = 0;
  const float* bias = nullptr;  // (experts, n) or nullptr
  float* y = nullptr;           // (rows * chosen, n)

  std::int64_t n() const { return w->n / experts; }
};

// What a `moe_sum` adds up: what each row's experts gave, in their order.
struct ExpertSum {
  std::int64_t chosen = 0;             // experts of a row
  const float* weights = nullptr;      // (rows, chosen)
  const float* expert_rows = nullptr;  // (rows * chosen, d)
  const float* shared = nullptr;       // (rows, d) of the shared expert, or nullptr
  const float* shared_gate = nullptr;  // (rows), logits: its weight is sigmoid of them; nullptr: 1

  constexpr float shared_weight(std::int64_t row) const {
    return shared_gate ? spec::sigmoid(shared_gate[row]) : 1;
  }
};

struct RopeArgs {
  std::int64_t heads = 0, head_dim = 0;
  std::int64_t rotated = 0;       // even: the first so many elements of a head turn, the others stay
  bool interleaved = false;       // pairs (2i, 2i+1); else (i, i + rotated/2)
  const float* cosine = nullptr;  // (rows, rotated/2): of each row's position
  const float* sine = nullptr;    // (rows, rotated/2)
};

struct AttentionArgs {
  std::int64_t heads = 0;   // query heads; kv heads and head_dim are the cache's
  std::int64_t window = 0;  // 0: none
  int limbs = 2;            // of the queries and of the probabilities
  std::int64_t layer = 0;
  spec::ScoreForm scores = {};  // a scale of the model's own, a cap
  // (heads), finite: of each a score that has no key and no value; nullptr: there are none
  const float* sinks = nullptr;
};

// A draw that its parameters alone decide: spec/sampling.h without bias, penalties and constraint.
struct PlainDraw {
  std::int64_t row = 0;  // of the logits
  float temperature = 1;
  std::int64_t top_k = 0;
  float top_p = 1, min_p = 0;
  std::uint64_t seed = 0, position = 0, choice = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual int threads() const = 0;

  virtual Memory& memory() = 0;
  virtual LogitsMath& logits_math() = 0;

  // The same matrix for this backend's operations.  storage: keeps what `matrix` points into, which is the host's; held
  // where those bytes are used as they are
  virtual PlacedMatrix place(const PackedMatrix& matrix, std::shared_ptr<const void> storage) = 0;

  // Bytes of up to `rows` Fix vectors of up to `k` elements, in any form.
  virtual std::int64_t fix_bytes(std::int64_t rows, std::int64_t k) const = 0;
  // Storage for them.
  FixStorage make_rows(std::int64_t rows, std::int64_t k) { return {memory(), rows, k, fix_bytes(rows, k)}; }

  // spec/embed.h        tokens: (rows) -> y: (rows, dim) where table is (vocab, dim)   REQUIRES: every token < vocab
  virtual void embed(const PackedMatrix& table, const std::int32_t* tokens, std::int64_t rows, float* y) = 0;

  // spec/fix.h          x: (out.rows, out.k) -> out; where its form is rotated, spec/hadamard.h comes first
  virtual void quantise(const float* x, const FixRows& out, Faults faults) = 0;

  // The integers of x, as spec/fix.h numbers them, whatever the backend's own form.   q: (x.rows, x.k)
  virtual void unpack_rows(const FixRows& x, std::int16_t* q) = 0;

  // spec/rms_norm.h, then spec/fix.h       x: (out.rows, out.k), gain: (out.k) -> out
  virtual void rms_norm_quantise(const float* x, const float* gain, float epsilon, const FixRows& out,
                                 Faults faults) = 0;

  // spec/rms_norm.h     x: (rows, k) in place, gain: (k).
  // For norms of q and k the rows are (token, head) pairs.
  virtual void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) = 0;

  // spec/linear.h       every job: w (n, x.k), y (x.rows, n)   REQUIRES: x is rotated where w is
  virtual void linear(const FixRows& x, std::span<const LinearJob> jobs) = 0;

  // spec/moe.h          z: (rows, experts) -> experts, weights: (rows, chosen), by increasing expert
  // bias and expert_scale are in the backend's memory.   REQUIRES: spec::check_router
  virtual void route(const spec::Router& router, const float* z, std::int64_t rows, std::int32_t* experts,
                     float* weights) = 0;

  // spec/linear.h, of the experts that see a row: row r * chosen + j of y is of row r and expert experts[r * chosen + j]
  //   experts: (x.rows, chosen); every job: w (experts * n, x.k), y (x.rows * chosen, n)
  // REQUIRES: every expert is one of the job's, all jobs have as many; n is a multiple of kPanelRows; x is rotated where w is
  virtual void linear_experts(const FixRows& x, const std::int32_t* experts, std::int64_t chosen,
                              std::span<const ExpertsJob> jobs) = 0;

  // spec/moe.h R7, R8   -> y: (rows, d)
  virtual void moe_sum(const ExpertSum& of, std::int64_t rows, std::int64_t d, float* y) = 0;

  // spec/rope.h, the tables of some positions: frequencies (pairs), positions (rows) -> cosine, sine (rows, pairs)
  virtual void rope_table(const double* frequencies, std::int64_t pairs, double mscale,
                          const std::int32_t* positions, std::int64_t rows, float* cosine, float* sine) = 0;

  // spec/rope.h         x: (rows, heads * head_dim) in place   REQUIRES: rotated <= head_dim
  virtual void rope(const RopeArgs& args, std::int64_t rows, float* x) = 0;

  // spec/fix.h for each (row, KV head); k, v: (rows, kv_heads * head_dim)
  // are written to their pages of `layer`
  virtual void store_kv(const float* k, const float* v, const StepView& step, std::int64_t layer,
                        const KvPages& cache, Faults faults) = 0;

  // The integers of one KV head of one page, whatever the backend's own form.   keys, values: (128, head_dim)
  virtual void unpack_kv(const KvPages& cache, std::int64_t page, std::int64_t layer, std::int64_t kv_head,
                         std::int16_t* keys, std::int16_t* values) = 0;

  // spec/attention.h    q: (rows, heads * head_dim) -> y of the same shape.  REQUIRES: store_kv of these rows
  // came before. Query head h reads KV head h / (heads / kv_heads).
  virtual void attention(const AttentionArgs& args, const float* q, const StepView& step,
                         const KvPages& cache, float* y, Faults faults) = 0;

  // spec/gating.h, then spec/fix.h         gate, up: (out.rows, out.k) -> out
  virtual void gate_quantise(const spec::Gating& gating, const float* gate, const float* up,
                             const FixRows& out, Faults faults) = 0;

  // spec/scale.h        x[i] = x[i] + y[i] * factor; by 1 the product is exact   x: (count) in place, y: (count)
  virtual void add(float* x, const float* y, float factor, std::int64_t count) = 0;

  // spec/scale.h        x: (count) in place
  virtual void scale(float* x, float factor, std::int64_t count) = 0;

  // spec/softcap.h      x: (count) in place   REQUIRES: cap > 0, finite
  virtual void softcap(float* x, float cap, std::int64_t count) = 0;

  // y[i] = x[index[i]]  x: (any, k), index: (rows) -> y: (rows, k)
  virtual void gather(const float* x, const std::int32_t* index, std::int64_t rows, std::int64_t k,
                      float* y) = 0;

  // A fault for each row with a value that is not finite.   x: (rows, k)
  virtual void check_finite(const float* x, std::int64_t rows, std::int64_t k, Faults faults) = 0;

  // spec/sampling.h     z: (rows of logits, vocab) -> tokens: (draws.size()); of a row that is not finite, -1
  virtual void draw(const float* z, std::int64_t vocab, std::span<const PlainDraw> draws,
                    std::int32_t* tokens) = 0;
};

// What `linear_experts` requires of its jobs and the host can see.
inline void check_experts(const FixRows& x, std::int64_t chosen, std::span<const ExpertsJob> jobs) {
  CHECK(chosen > 0 && !jobs.empty(), "{} experts of a row, {} jobs", chosen, jobs.size());
  for (const ExpertsJob& job : jobs) {
    CHECK(
        job.experts > 0 && job.experts == jobs.front().experts && job.w->n % (job.experts * kPanelRows) == 0,
        "{} rows are no matrices of {} experts", job.w->n, job.experts);
    CHECK(job.w->k == x.k, "experts of {} columns meet rows of {}", job.w->k, x.k);
    CHECK(is_rotated(job.w->kind) == x.form.rotated, "experts of {} meet rows that are {}rotated",
          name_of(job.w->kind), x.form.rotated ? "" : "not ");
  }
}

}  // namespace verbatim
