// The narrow waist: every operation of the forward pass, once. A backend implements this interface; the model
// calls nothing else.
//
// Each operation works on rows (tokens). The body of every operation sees one row: the batch is the outermost
// loop and appears nowhere else. What an operation must compute, to the bit, is its page in spec/ (named
// beside it); a backend is free in everything else. All matrices are row-major float32 and dense unless a
// shape says otherwise.
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

#include "base/aligned_buffer.h"
#include "ops/kv_pages.h"
#include "ops/panels.h"
#include "ops/step_batch.h"

namespace verbatim {

// How a vector becomes integers.
struct FixForm {
  int limbs = 2;
  bool rotated = false;  // spec/hadamard.h comes before spec/fix.h
};

// Rows of Fix vectors in the form that one backend's kernels read: made by a backend's operations and read by
// the same backend only. Made once for the largest shape and filled again and again.
struct FixRows {
  std::int64_t rows = 0, k = 0;  // of the present content, and its form
  FixForm form;
  AlignedBuffer<std::byte> q;  // the backend's own form
  AlignedBuffer<float> scale;  // (capacity rows)

  // Block of spec/hadamard.h; 1: none.
  std::int64_t rotation() const { return form.rotated ? spec::hadamard_block(k, spec::kLinearBlock) : 1; }
};

// Where a row first met a value that is not finite.
struct Faults {
  std::uint32_t* site_of_row = nullptr;  // (rows): 0 while all is well, else the site of the first fault
  std::uint32_t site = 0;                // the operation about to run, numbered by the model, > 0

  // Threads that share a row may all report it.
  void set(std::int64_t row) const {
    std::uint32_t none = 0;
    std::atomic_ref(site_of_row[row]).compare_exchange_strong(none, site, std::memory_order_relaxed);
  }
};

// One matrix of a `linear`: y = W x (+ bias).
struct LinearJob {
  const PackedMatrix* w = nullptr;
  const float* bias = nullptr;  // (n) or nullptr
  float* y = nullptr;           // (rows, n)
};

struct RopeArgs {
  std::int64_t heads = 0, head_dim = 0;
  bool interleaved = false;       // pairs (2i, 2i+1); else (i, i + head_dim/2)
  const float* cosine = nullptr;  // (positions, head_dim/2)
  const float* sine = nullptr;    // (positions, head_dim/2)
};

struct AttentionArgs {
  std::int64_t heads = 0;   // query heads; kv heads and head_dim are the cache's
  std::int64_t window = 0;  // 0: none
  int limbs = 2;            // of the queries and of the probabilities
  std::int64_t layer = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual int threads() const = 0;

  // Storage for up to `rows` Fix vectors of up to `k` elements.
  virtual FixRows make_rows(std::int64_t rows, std::int64_t k) const = 0;

  // spec/embed.h        y: (tokens, dim) where table is (vocab, dim)   REQUIRES: every token < vocab
  virtual void embed(const PackedMatrix& table, std::span<const std::int32_t> tokens, float* y) = 0;

  // spec/fix.h          x: (rows, k) -> out; where the form is rotated, spec/hadamard.h comes first
  virtual void quantise(const float* x, std::int64_t rows, std::int64_t k, FixForm form, FixRows& out,
                        Faults faults) = 0;

  // The integers of one row of x, as spec/fix.h numbers them, whatever the backend's own form.   q: (x.k)
  // REQUIRES: 0 <= row < x.rows
  virtual void read_row(const FixRows& x, std::int64_t row, std::int16_t* q) const = 0;

  // spec/rms_norm.h, then spec/fix.h       x: (rows, k), gain: (k) -> out
  virtual void rms_norm_quantise(const float* x, const float* gain, float epsilon, std::int64_t rows,
                                 std::int64_t k, FixForm form, FixRows& out, Faults faults) = 0;

  // spec/rms_norm.h     x: (rows, k) in place, gain: (k).
  // For norms of q and k the rows are (token, head) pairs.
  virtual void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) = 0;

  // spec/linear.h       every job: w (n, x.k), y (x.rows, n)   REQUIRES: x is rotated where w is
  virtual void linear(const FixRows& x, std::span<const LinearJob> jobs) = 0;

  // spec/rope.h         x: (rows, heads * head_dim) in place, positions: (rows)
  virtual void rope(const RopeArgs& args, std::span<const std::int32_t> positions, float* x) = 0;

  // spec/fix.h for each (row, KV head); k, v: (rows, kv_heads * head_dim)
  // are written to their pages of `layer`
  virtual void store_kv(const float* k, const float* v, const StepBatch& batch, std::int64_t layer,
                        KvPages& cache, Faults faults) = 0;

  // spec/attention.h    q: (rows, heads * head_dim) -> y of the same shape.  REQUIRES: store_kv of these rows
  // came before. Query head h reads KV head h / (heads / kv_heads).
  virtual void attention(const AttentionArgs& args, const float* q, const StepBatch& batch,
                         const KvPages& cache, float* y, Faults faults) = 0;

  // spec/swiglu.h, then spec/fix.h         gate, up: (rows, k) -> out
  virtual void swiglu_quantise(const float* gate, const float* up, std::int64_t rows, std::int64_t k,
                               FixForm form, FixRows& out, Faults faults) = 0;

  // x[i] = x[i] + y[i], one rounding       x, y: (count)
  virtual void add(float* x, const float* y, std::int64_t count) = 0;

  // spec/log_softmax.h  z: (rows, vocab); the two numbers from which every log-probability of the row
  // follows. A row that holds a NaN or +infinity gives a max that is not finite.
  struct Normaliser {
    float max = 0, log_sum = 0;
  };
  virtual void log_normalise(const float* z, std::int64_t rows, std::int64_t vocab, Normaliser* out) = 0;

  // spec/sampling.h R5, R6: e[i] = exp((v[i] - best) / temperature)       v, e: (count)
  // REQUIRES: v[i] finite, v[i] <= best, temperature > 0
  virtual void exp_of_logits(const float* v, float best, float temperature, std::int64_t count, float* e) = 0;
};

}  // namespace verbatim
