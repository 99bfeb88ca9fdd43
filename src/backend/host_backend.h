// HostBackend: what backends on the host's processors and memory have in common: operations run when they are called, on a
// pool of threads, and matrices lie where they were loaded.
//
// The loops over rows, segments and heads that no instruction set changes stand here once; what is done with one head or token
// is asked of the backend.
#pragma once

#include <algorithm>
#include <vector>

#include "ops/ops.h"
#include "parallel/thread_pool.h"
#include "sample/sampler.h"

namespace verbatim {

class HostBackend : public Backend, public LogitsMath {
 public:
  explicit HostBackend(int threads);

  int threads() const final { return pool_.size(); }
  Memory& memory() final;
  LogitsMath& logits_math() final { return *this; }
  PlacedMatrix place(const PackedMatrix& matrix, std::shared_ptr<const void> storage) final {
    return {matrix, std::move(storage)};
  }

  void rope_table(const double* frequencies, std::int64_t pairs, double mscale, const std::int32_t* positions,
                  std::int64_t rows, float* cosine, float* sine) final;
  void rope(const RopeArgs& args, std::int64_t rows, float* x) final;
  void store_kv(const float* k, const float* v, const StepView& step, std::int64_t layer,
                const KvPages& cache, Faults faults) final;
  void unpack_kv(const KvPages& cache, std::int64_t page, std::int64_t layer, std::int64_t kv_head,
                 std::int16_t* keys, std::int16_t* values) final;
  void gather(const float* x, const std::int32_t* index, std::int64_t rows, std::int64_t k, float* y) final;
  void check_finite(const float* x, std::int64_t rows, std::int64_t k, Faults faults) final;
  void draw(const float* z, std::int64_t vocab, std::span<const PlainDraw> draws, std::int32_t* tokens) final;
  void exp_of_logits(std::span<const float> v, float best, float temperature, float* e) final;

 protected:
  // x: (args.head_dim) in place; cosine, sine: (args.rotated / 2)
  virtual void rotate_head(const RopeArgs& args, const float* cosine, const float* sine, float* x) const = 0;
  // k, v: (head_dim) of one token and KV head; slot: its place in the page. Whether all were finite.
  virtual bool store_token(const float* k, const float* v, const KvShape& shape, std::int64_t slot,
                           const KvHead& to) const = 0;
  // exp_of_logits of some elements, on one thread.
  virtual void exp_of_some(std::span<const float> v, float best, float temperature, float* e) const = 0;

  // What a thread is given at least: a few microseconds of work, the price of waking it.
  static constexpr std::int64_t kGrainElements = 16 << 10;   // of a float32 operation
  static constexpr std::int64_t kGrainProducts = 128 << 10;  // of an integer dot product
  static std::int64_t grain_of(std::int64_t least_work, std::int64_t work_of_one) {
    return std::max<std::int64_t>(1, least_work / std::max<std::int64_t>(1, work_of_one));
  }

  // body(begin, end) for runs that together are [0, count), elements of a float32 operation.
  template <class Body>
  void each_run(std::int64_t count, Body body) {
    pool_.for_range(count, kGrainElements,
                    [&](std::int64_t begin, std::int64_t end, int) { body(begin, end); });
  }

  // body(row, part) for every row in [0, rows), each of `width` elements.
  template <class Body>
  void each_row(std::int64_t rows, std::int64_t width, Body body) {
    pool_.for_range(rows, grain_of(kGrainElements, width),
                    [&](std::int64_t begin, std::int64_t end, int part) {
                      for (std::int64_t row = begin; row < end; ++row) body(row, part);
                    });
  }

  ThreadPool pool_;

 private:
  Sampler alone_;                  // for a draw that all threads share
  std::vector<Sampler> samplers_;  // (threads)
};

}  // namespace verbatim
