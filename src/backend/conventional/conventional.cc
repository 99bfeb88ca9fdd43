#include "backend/conventional/conventional.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "backend/conventional/attention.h"
#include "backend/conventional/bf16.h"
#include "backend/cpu/moe.h"
#include "backend/cpu/unpack_row.h"
#include "backend/expert_groups.h"
#include "backend/host_backend.h"
#include "base/aligned_buffer.h"
#include "base/check.h"
#include "spec/embed.h"
#include "spec/log_softmax.h"

namespace verbatim {
namespace {

using conventional::round_to_bf16;

// vLLM, csrc/layernorm_kernels.cu: a block of 1024 threads below 256 rows, of 256 from there on.
std::int64_t norm_threads(std::int64_t rows, std::int64_t k) {
  return std::min<std::int64_t>(k, rows < 256 ? 1024 : 256);
}

// Thread t adds the squares of x[t], x[t + threads], ...; the block's sums are folded in halves.
float sum_of_squares(const float* x, std::int64_t k, std::int64_t threads) {
  std::vector<float> sum(static_cast<std::size_t>(threads));
  for (std::int64_t begin = 0; begin < k; begin += threads) {
    std::int64_t n = std::min(threads, k - begin);
    for (std::int64_t t = 0; t < n; ++t) sum[static_cast<std::size_t>(t)] += x[begin + t] * x[begin + t];
  }
  for (std::size_t n = sum.size(); n > 1; n = (n + 1) / 2) {
    std::size_t half = (n + 1) / 2;
    for (std::size_t t = 0; t + half < n; ++t) sum[t] += sum[t + half];
  }
  return sum[0];
}

class ConventionalBackend final : public HostBackend {
 public:
  ConventionalBackend(const Blas& blas, const cpu::FloatOps& ops, int threads)
      : HostBackend(threads), blas_(blas), ops_(ops), routers_(static_cast<std::size_t>(threads)) {}

  std::string_view name() const override { return kConventional; }

  std::int64_t fix_bytes(std::int64_t rows, std::int64_t k) const override {
    return rows * k * std::int64_t{sizeof(float)};
  }

  void embed(const PackedMatrix& table, const std::int32_t* tokens, std::int64_t rows, float* y) override {
    each_row(rows, table.k, [&](std::int64_t row, int) {
      unpack(table, tokens[row], y + row * table.k);
      round_to_bf16(y + row * table.k, table.k, y + row * table.k);
    });
  }

  void quantise(const float* x, const FixRows& out, Faults faults) override {
    each_new_row(out, faults,
                 [&](std::int64_t row, float* y) { return round_to_bf16(x + row * out.k, out.k, y); });
  }

  void unpack_rows(const FixRows&, std::int16_t*) override {
    CHECK(false, "rows of the control group are no integers of the contract");
  }

  void rms_norm_quantise(const float* x, const float* gain, float epsilon, const FixRows& out,
                         Faults faults) override {
    std::int64_t threads = norm_threads(out.rows, out.k);
    each_new_row(out, faults, [&](std::int64_t row, float* y) {
      return norm_row(x + row * out.k, gain, epsilon, out.k, threads, y);
    });
  }

  void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) override {
    std::int64_t threads = norm_threads(rows, k);
    each_row(rows, k,
             [&](std::int64_t row, int) { norm_row(x + row * k, gain, epsilon, k, threads, x + row * k); });
  }

  void linear(const FixRows& x, std::span<const LinearJob> jobs) override {
    for (const LinearJob& job : jobs) {
      CHECK(job.w->k == x.k, "a matrix of {} columns meets rows of {}", job.w->k, x.k);
      const float* w = weights(*job.w);
      pool_.for_range(
          job.w->n, grain_of(kGrainProducts / 2, x.rows * x.k),
          [&](std::int64_t begin, std::int64_t end, int) { linear_outputs(x, job, w, begin, end); });
    }
  }

  // The choice is the contract's: it is arithmetic of a few floats, which no engine does otherwise in a way worth showing.
  void route(const spec::Router& router, const float* z, std::int64_t rows, std::int32_t* experts,
             float* weights) override {
    spec::check_router(router);
    for (cpu::RowRouter& of_thread : routers_) of_thread.reserve(router);
    each_row(rows, router.experts, [&](std::int64_t row, int part) {
      routers_[static_cast<std::size_t>(part)].route_row(ops_, router, z + row * router.experts,
                                                         experts + row * router.chosen,
                                                         weights + row * router.chosen);
    });
  }

  // How many rows share an expert, and so which kernel of the vendor's computes them, follows the load.
  void linear_experts(const FixRows& x, const std::int32_t* experts, std::int64_t chosen,
                      std::span<const ExpertsJob> jobs) override {
    check_experts(x, chosen, jobs);
    const ExpertGroups grouped =
        group_by_expert({experts, static_cast<std::size_t>(x.rows * chosen)}, jobs.front().experts);
    for (const ExpertsJob& job : jobs) {
      const float* w = weights(*job.w);
      pool_.for_range(std::ssize(grouped.groups), 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = begin; i < end; ++i) {
          const ExpertGroup& group = grouped.groups[static_cast<std::size_t>(i)];
          expert_outputs(
              x, chosen, job, w, group.expert,
              std::span(grouped.places)
                  .subspan(static_cast<std::size_t>(group.first), static_cast<std::size_t>(group.count)));
        }
      });
    }
  }

  void moe_sum(const ExpertSum& of, std::int64_t rows, std::int64_t d, float* y) override {
    each_row(rows, d * of.chosen, [&](std::int64_t row, int) {
      cpu::sum_experts(ops_, of, row, d, y + row * d);
      round_to_bf16(y + row * d, d, y + row * d);
    });
  }

  // A NaN of q reaches y, and is noticed where the next operation takes it in.
  void attention(const AttentionArgs& args, const float* q, const StepView& step, const KvPages& cache,
                 float* y, Faults) override {
    CHECK(args.heads % cache.shape.kv_heads == 0, "{} query heads over {} KV heads", args.heads,
          cache.shape.kv_heads);
    conventional::attend({args, q, step, cache, y}, blas_, ops_, pool_);
  }

  void gate_quantise(const spec::Gating& gating, const float* gate, const float* up, const FixRows& out,
                     Faults faults) override {
    each_new_row(out, faults, [&](std::int64_t row, float* y) {
      cpu::gate_row(ops_, gating, gate + row * out.k, up + row * out.k, out.k, y);
      return round_to_bf16(y, out.k, y);
    });
  }

  void add(float* x, const float* y, float factor, std::int64_t count) override {
    each_run(count, [&](std::int64_t begin, std::int64_t end) {
      ops_.add_scaled(x + begin, y + begin, factor, end - begin);
      round_to_bf16(x + begin, end - begin, x + begin);
    });
  }
  void scale(float* x, float factor, std::int64_t count) override {
    each_run(count, [&](std::int64_t begin, std::int64_t end) {
      ops_.scale(x + begin, factor, end - begin);
      round_to_bf16(x + begin, end - begin, x + begin);
    });
  }
  void softcap(float* x, float cap, std::int64_t count) override {
    each_run(count, [&](std::int64_t begin, std::int64_t end) {
      ops_.softcap(x + begin, cap, end - begin);
      round_to_bf16(x + begin, end - begin, x + begin);
    });
  }

  // Log-probabilities and draws are the contract's: given the same logits, all backends answer alike.
  spec::LogNormaliser log_normalise(std::span<const float> z) override {
    return spec::log_normaliser(z.data(), std::ssize(z));
  }

 protected:
  void rotate_head(const RopeArgs& args, const float* cosine, const float* sine, float* x) const override {
    ops_.rope(x, args.rotated, args.interleaved, cosine, sine);
    round_to_bf16(x, args.head_dim, x);
  }
  bool store_token(const float* k, const float* v, const KvShape& shape, std::int64_t slot,
                   const KvHead& to) const override {
    return conventional::store_token(k, v, shape, slot, to);
  }
  void exp_of_some(std::span<const float> v, float best, float temperature, float* e) const override {
    ops_.exp_of_logits(v.data(), best, temperature, std::ssize(v), e);
  }

 private:
  // body(row, y) fills a row of `out` and says whether it is finite.
  template <class Body>
  void each_new_row(const FixRows& out, Faults faults, Body body) {
    each_row(out.rows, out.k, [&](std::int64_t row, int) {
      if (!body(row, reinterpret_cast<float*>(out.q) + row * out.k)) faults.set(row);
    });
  }

  static bool norm_row(const float* x, const float* gain, float epsilon, std::int64_t k, std::int64_t threads,
                       float* y) {
    float r = 1.0f / std::sqrt(sum_of_squares(x, k, threads) / static_cast<float>(k) + epsilon);
    for (std::int64_t i = 0; i < k; ++i) y[i] = x[i] * r * gain[i];
    return round_to_bf16(y, k, y);
  }

  void linear_outputs(const FixRows& x, const LinearJob& job, const float* w, std::int64_t begin,
                      std::int64_t end) const {
    std::int64_t n = end - begin, stride = job.w->n;
    float* y = job.y + begin;
    blas_.multiply(reinterpret_cast<const float*>(x.q), x.rows, w + begin * x.k, n, x.k, y, stride);
    for (std::int64_t row = 0; row < x.rows; ++row, y += stride) {
      if (job.bias) ops_.add(y, job.bias + begin, n);
      round_to_bf16(y, n, y);
    }
  }

  // w: the stack as (experts * n, k); places: the group's, in (x.rows, chosen)
  void expert_outputs(const FixRows& x, std::int64_t chosen, const ExpertsJob& job, const float* w,
                      std::int64_t expert, std::span<const std::int32_t> places) const {
    const std::int64_t n = job.n(), rows = std::ssize(places);
    std::vector<float> some(static_cast<std::size_t>(rows * x.k)), y(static_cast<std::size_t>(rows * n));
    for (std::int64_t i = 0; i < rows; ++i)
      std::copy_n(reinterpret_cast<const float*>(x.q) + places[static_cast<std::size_t>(i)] / chosen * x.k,
                  x.k, some.data() + i * x.k);
    blas_.multiply(some.data(), rows, w + expert * n * x.k, n, x.k, y.data(), n);
    for (std::int64_t i = 0; i < rows; ++i) {
      float* to = job.y + places[static_cast<std::size_t>(i)] * n;
      std::copy_n(y.data() + i * n, n, to);
      if (job.bias) ops_.add(to, job.bias + expert * n, n);
      round_to_bf16(to, n, to);
    }
  }

  // y: (table.k), row n as float32
  static void unpack(const PackedMatrix& table, std::int64_t n, float* y) {
    std::vector<std::int16_t> q(static_cast<std::size_t>(table.k));
    cpu::unpack_row(table, n, q.data());
    spec::embed(q.data(), table.scale[n], table.k, table.rotation(), y);
  }

  // The whole matrix as float32, (n, k): made once.
  const float* weights(const PackedMatrix& w) {
    AlignedBuffer<float>& made = weights_[w.data];
    if (made.empty()) {
      made = AlignedBuffer<float>(static_cast<std::size_t>(w.n * w.k));
      each_row(w.n, w.k, [&](std::int64_t row, int) { unpack(w, row, made.data() + row * w.k); });
    }
    return made.data();
  }

  Blas blas_;
  const cpu::FloatOps& ops_;
  std::vector<cpu::RowRouter> routers_;                       // (threads)
  std::map<const std::byte*, AlignedBuffer<float>> weights_;  // by where the packed matrix lies
};

}  // namespace

std::unique_ptr<Backend> make_conventional_backend(const Blas& blas, const cpu::FloatOps& ops, int threads) {
  return std::make_unique<ConventionalBackend>(blas, ops, threads);
}

}  // namespace verbatim
