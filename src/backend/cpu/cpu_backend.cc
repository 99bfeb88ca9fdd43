#include "backend/cpu/cpu_backend.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backend/cpu/attention.h"
#include "backend/cpu/experts.h"
#include "backend/cpu/kv_store.h"
#include "backend/cpu/moe.h"
#include "backend/cpu/row_layout.h"
#include "backend/cpu/unpack_row.h"
#include "backend/host_backend.h"
#include "base/check.h"
#include "spec/embed.h"
#include "spec/log.h"
#include "spec/log_softmax.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kWorkOfExpert = 8;  // to score and compare it, beside an addition

class CpuBackend final : public HostBackend {
 public:
  CpuBackend(const CpuKernels& kernels, int threads)
      : HostBackend(threads),
        kernels_(kernels),
        row_scratch_(static_cast<std::size_t>(threads)),
        attention_scratch_(static_cast<std::size_t>(threads)),
        routers_(static_cast<std::size_t>(threads)) {}

  std::string_view name() const override { return kernels_.name; }

  std::int64_t fix_bytes(std::int64_t rows, std::int64_t k) const override {
    return rows * layout(k, 2).stride_bytes;
  }

  void embed(const PackedMatrix& table, const std::int32_t* tokens, std::int64_t rows, float* y) override {
    each_row(rows, table.k, [&](std::int64_t row, int) {
      std::int64_t token = tokens[row];
      std::vector<std::int16_t> q(static_cast<std::size_t>(table.k));
      unpack_row(table, token, q.data());
      spec::embed(q.data(), table.scale[token], table.k, table.rotation(), y + row * table.k);
    });
  }

  void quantise(const float* x, const FixRows& out, Faults faults) override {
    each_row(out.rows, out.k, [&](std::int64_t row, int part) {
      if (!out.form.rotated) return quantise_row(x + row * out.k, out, row, faults);
      float* y = row_scratch(part, out.k);
      std::copy_n(x + row * out.k, out.k, y);
      rotate_and_quantise(y, out, row, faults);
    });
  }

  void unpack_rows(const FixRows& x, std::int16_t* q) override {
    each_row(x.rows, x.k, [&](std::int64_t row, int) {
      const GemmRows at = layout(x.k, x.form.limbs).rows(x.q, row, 1, x.k);
      for (std::int64_t i = 0; i < x.k; ++i) {
        int value = at.wide != nullptr ? at.wide[i] : at.planes[i];
        if (at.planes != nullptr && at.limbs == 2) value = 128 * value + at.planes[at.low_offset + i];
        q[row * x.k + i] = static_cast<std::int16_t>(value);
      }
    });
  }

  void rms_norm_quantise(const float* x, const float* gain, float epsilon, const FixRows& out,
                         Faults faults) override {
    each_row(out.rows, out.k, [&](std::int64_t row, int part) {
      float* y = row_scratch(part, out.k);
      kernels_.ops.rms_norm(x + row * out.k, gain, epsilon, out.k, y);
      rotate_and_quantise(y, out, row, faults);
    });
  }

  void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) override {
    each_row(rows, k, [&](std::int64_t row, int) {
      kernels_.ops.rms_norm(x + row * k, gain, epsilon, k, x + row * k);
    });
  }

  // All jobs are cut together: their panels, one job's after the other's, are dealt in equal runs.
  void linear(const FixRows& x, std::span<const LinearJob> jobs) override {
    std::int64_t panels = 0;
    for (const LinearJob& job : jobs) {
      CHECK(job.w->k == x.k, "a matrix of {} columns meets rows of {}", job.w->k, x.k);
      CHECK(is_rotated(job.w->kind) == x.form.rotated, "a matrix of {} meets rows that are {}rotated",
            name_of(job.w->kind), x.form.rotated ? "" : "not ");
      panels += job.w->panels();
    }
    std::int64_t grain = grain_of(kGrainProducts, x.rows * padded_columns(x.k) * kPanelRows);
    pool_.for_range(panels, grain, [&](std::int64_t begin, std::int64_t end, int) {
      std::int64_t first = 0;  // of the job at hand
      for (const LinearJob& job : jobs) {
        std::int64_t from = std::max(begin, first), to = std::min(end, first + job.w->panels());
        if (from < to) linear_panels(x, job, from - first, to - from);
        first += job.w->panels();
      }
    });
  }

  void route(const spec::Router& router, const float* z, std::int64_t rows, std::int32_t* experts,
             float* weights) override {
    spec::check_router(router);
    for (RowRouter& of_thread : routers_) of_thread.reserve(router);
    each_row(rows, router.experts * kWorkOfExpert, [&](std::int64_t row, int part) {
      routers_[static_cast<std::size_t>(part)].route_row(kernels_.ops, router, z + row * router.experts,
                                                         experts + row * router.chosen,
                                                         weights + row * router.chosen);
    });
  }

  void linear_experts(const FixRows& x, const std::int32_t* experts, std::int64_t chosen,
                      std::span<const ExpertsJob> jobs) override {
    cpu::linear_experts(kernels_, {x, experts, chosen, jobs}, pool_, experts_scratch_);
  }

  void moe_sum(const ExpertSum& of, std::int64_t rows, std::int64_t d, float* y) override {
    each_row(rows, d * of.chosen,
             [&](std::int64_t row, int) { sum_experts(kernels_.ops, of, row, d, y + row * d); });
  }

  void attention(const AttentionArgs& args, const float* q, const StepView& step, const KvPages& cache,
                 float* y, Faults faults) override {
    attend(kernels_, {args, q, step, cache, y, faults}, pool_, attention_scratch_);
  }

  void gate_quantise(const spec::Gating& gating, const float* gate, const float* up, const FixRows& out,
                     Faults faults) override {
    each_row(out.rows, out.k, [&](std::int64_t row, int part) {
      float* y = row_scratch(part, out.k);
      gate_row(kernels_.ops, gating, gate + row * out.k, up + row * out.k, out.k, y);
      rotate_and_quantise(y, out, row, faults);
    });
  }

  void add(float* x, const float* y, float factor, std::int64_t count) override {
    each_run(count, [&](std::int64_t begin, std::int64_t end) {
      kernels_.ops.add_scaled(x + begin, y + begin, factor, end - begin);
    });
  }
  void scale(float* x, float factor, std::int64_t count) override {
    each_run(count, [&](std::int64_t begin, std::int64_t end) {
      kernels_.ops.scale(x + begin, factor, end - begin);
    });
  }
  void softcap(float* x, float cap, std::int64_t count) override {
    each_run(count, [&](std::int64_t begin, std::int64_t end) {
      kernels_.ops.softcap(x + begin, cap, end - begin);
    });
  }

  // Chunks are dealt to the threads, first for their largest values, then for their sums.
  spec::LogNormaliser log_normalise(std::span<const float> z) override {
    const std::int64_t vocab = std::ssize(z),
                       chunks = (vocab + spec::kSoftmaxChunk - 1) / spec::kSoftmaxChunk;
    std::vector<float> of_chunk(static_cast<std::size_t>(chunks));
    auto each_chunk = [&](auto kernel) {
      each_row(chunks, spec::kSoftmaxChunk, [&](std::int64_t i, int) {
        std::int64_t begin = i * spec::kSoftmaxChunk;
        of_chunk[static_cast<std::size_t>(i)] =
            kernel(z.data() + begin, std::min(spec::kSoftmaxChunk, vocab - begin));
      });
    };
    each_chunk([&](const float* at, std::int64_t n) { return kernels_.ops.max(at, n); });
    const float max = kernels_.ops.max(of_chunk.data(), chunks) + 0.0f;  // a zero maximum is +0 (R1)
    if (!std::isfinite(max)) return {NAN, spec::log(NAN)};               // the row has no probabilities
    each_chunk([&](const float* at, std::int64_t n) { return kernels_.ops.sum_of_exp(at, n, max); });
    float sum = 0;
    for (float of_one : of_chunk) sum = sum + of_one;
    return {max, spec::log(sum)};
  }

 protected:
  void rotate_head(const RopeArgs& args, const float* cosine, const float* sine, float* x) const override {
    kernels_.ops.rope(x, args.rotated, args.interleaved, cosine, sine);
  }
  bool store_token(const float* k, const float* v, const KvShape& shape, std::int64_t slot,
                   const KvHead& to) const override {
    return cpu::store_token(kernels_.ops, k, v, shape, slot, to);
  }
  void exp_of_some(std::span<const float> v, float best, float temperature, float* e) const override {
    kernels_.ops.exp_of_logits(v.data(), best, temperature, std::ssize(v), e);
  }

 private:
  RowLayout layout(std::int64_t k, int limbs) const { return RowLayout::of(kernels_.gemm.form, k, limbs); }

  // A row of this thread's own, for values on their way to being quantised.
  float* row_scratch(int part, std::int64_t k) {
    return at_least(row_scratch_[static_cast<std::size_t>(part)], k);
  }

  // x: (out.k), overwritten
  void rotate_and_quantise(float* x, const FixRows& out, std::int64_t row, Faults faults) const {
    kernels_.ops.hadamard(x, out.k, out.rotation());
    quantise_row(x, out, row, faults);
  }

  void quantise_row(const float* x, const FixRows& out, std::int64_t row, Faults faults) const {
    const int limbs = out.form.limbs;
    RowScale s = kernels_.ops.quantise(x, out.k, limbs, layout(out.k, limbs).row(out.q, row));
    out.scale[row] = s.scale;
    if (!s.finite) faults.set(row);
  }

  void linear_panels(const FixRows& x, const LinearJob& job, std::int64_t first, std::int64_t panels) const {
    const PackedMatrix& w = *job.w;
    std::int64_t output = first * kPanelRows;
    kernels_.gemm.gemm(layout(x.k, x.form.limbs).rows(x.q, 0, x.rows, w.k_padded()),
                       {w.kind, reinterpret_cast<const std::int8_t*>(w.panel(first)),
                        panel_bytes(w.kind, w.k_padded()), panels},
                       {.y = job.y + output,
                        .stride = w.n,
                        .n = std::min(panels * kPanelRows, w.n - output),
                        .row_scale = x.scale,
                        .column_scale = w.scale + output,
                        .bias = job.bias ? job.bias + output : nullptr});
  }

  CpuKernels kernels_;
  std::vector<AlignedBuffer<float>> row_scratch_;    // (threads)
  std::vector<AttentionScratch> attention_scratch_;  // (threads)
  std::vector<RowRouter> routers_;                   // (threads)
  ExpertsScratch experts_scratch_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const CpuKernels& kernels, int threads) {
  return std::make_unique<CpuBackend>(kernels, threads);
}

}  // namespace verbatim::cpu
