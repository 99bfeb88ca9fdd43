#include "backend/cpu/cpu_backend.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backend/cpu/attention.h"
#include "backend/cpu/kv_store.h"
#include "backend/cpu/row_layout.h"
#include "backend/cpu/unpack_row.h"
#include "base/check.h"
#include "parallel/thread_pool.h"
#include "spec/embed.h"
#include "spec/log.h"
#include "spec/log_softmax.h"

namespace verbatim::cpu {
namespace {

// What a thread is given at least: a few microseconds of work, the price of waking it.
constexpr std::int64_t kGrainElements = 16 << 10;   // of a float32 operation
constexpr std::int64_t kGrainProducts = 128 << 10;  // of an integer dot product

std::int64_t grain_of(std::int64_t least_work, std::int64_t work_of_one) {
  return std::max<std::int64_t>(1, least_work / std::max<std::int64_t>(1, work_of_one));
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(const CpuKernels& kernels, int threads)
      : kernels_(kernels),
        pool_(threads),
        row_scratch_(static_cast<std::size_t>(threads)),
        attention_scratch_(static_cast<std::size_t>(threads)) {}

  std::string_view name() const override { return kernels_.name; }
  int threads() const override { return pool_.size(); }

  FixRows make_rows(std::int64_t rows, std::int64_t k) const override {
    FixRows made;
    made.q = AlignedBuffer<std::byte>(static_cast<std::size_t>(rows * layout(k, 2).stride_bytes));
    made.scale = AlignedBuffer<float>(static_cast<std::size_t>(rows));
    return made;
  }

  void embed(const PackedMatrix& table, std::span<const std::int32_t> tokens, float* y) override {
    each_row(static_cast<std::int64_t>(tokens.size()), table.k, [&](std::int64_t row, int) {
      std::int64_t token = tokens[static_cast<std::size_t>(row)];
      std::vector<std::int16_t> q(static_cast<std::size_t>(table.k));
      unpack_row(table, token, q.data());
      spec::embed(q.data(), table.scale[token], table.k, table.rotation(), y + row * table.k);
    });
  }

  void quantise(const float* x, std::int64_t rows, std::int64_t k, FixForm form, FixRows& out,
                Faults faults) override {
    begin_rows(out, rows, k, form);
    each_row(rows, k, [&](std::int64_t row, int part) {
      if (!form.rotated) return quantise_row(x + row * k, out, row, faults);
      float* y = row_scratch(part, k);
      std::copy_n(x + row * k, k, y);
      rotate_and_quantise(y, out, row, faults);
    });
  }

  void read_row(const FixRows& x, std::int64_t row, std::int16_t* q) const override {
    const GemmRows at = layout(x.k, x.form.limbs).rows(x.q.data(), row, 1, x.k);
    for (std::int64_t i = 0; i < x.k; ++i) {
      int value = at.wide != nullptr ? at.wide[i] : at.planes[i];
      if (at.planes != nullptr && at.limbs == 2) value = 128 * value + at.planes[at.low_offset + i];
      q[i] = static_cast<std::int16_t>(value);
    }
  }

  void rms_norm_quantise(const float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k,
                         FixForm form, FixRows& out, Faults faults) override {
    begin_rows(out, rows, k, form);
    each_row(rows, k, [&](std::int64_t row, int part) {
      float* y = row_scratch(part, k);
      kernels_.ops.rms_norm(x + row * k, gain, epsilon, k, y);
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

  void rope(const RopeArgs& args, std::span<const std::int32_t> positions, float* x) override {
    std::int64_t width = args.heads * args.head_dim, half = args.head_dim / 2;
    each_row(static_cast<std::int64_t>(positions.size()), width, [&](std::int64_t row, int) {
      std::int64_t at = positions[static_cast<std::size_t>(row)] * half;
      for (std::int64_t head = 0; head < args.heads; ++head) {
        kernels_.ops.rope(x + row * width + head * args.head_dim, args.head_dim, args.interleaved,
                          args.cosine + at, args.sine + at);
      }
    });
  }

  void store_kv(const float* k, const float* v, const StepBatch& batch, std::int64_t layer, KvPages& cache,
                Faults faults) override {
    const KvShape& shape = cache.shape();
    for (const Segment& segment : batch.segments) {
      each_row(segment.rows, shape.kv_heads * shape.head_dim, [&](std::int64_t r, int) {
        std::int64_t row = segment.first_row + r, position = segment.first_position + r;
        std::int64_t page = segment.pages[static_cast<std::size_t>(position / kPageTokens)];
        for (std::int64_t head = 0; head < shape.kv_heads; ++head) {
          std::int64_t from = (row * shape.kv_heads + head) * shape.head_dim;
          bool finite = store_token(kernels_.ops, k + from, v + from, shape, position % kPageTokens,
                                    cache.head(page, layer, head));
          if (!finite) faults.set(row);
        }
      });
    }
  }

  void attention(const AttentionArgs& args, const float* q, const StepBatch& batch, const KvPages& cache,
                 float* y, Faults faults) override {
    attend(kernels_, {args, q, batch, cache, y, faults}, pool_, attention_scratch_);
  }

  void swiglu_quantise(const float* gate, const float* up, std::int64_t rows, std::int64_t k, FixForm form,
                       FixRows& out, Faults faults) override {
    begin_rows(out, rows, k, form);
    each_row(rows, k, [&](std::int64_t row, int part) {
      float* y = row_scratch(part, k);
      kernels_.ops.swiglu(gate + row * k, up + row * k, k, y);
      rotate_and_quantise(y, out, row, faults);
    });
  }

  void add(float* x, const float* y, std::int64_t count) override {
    pool_.for_range(count, kGrainElements, [&](std::int64_t begin, std::int64_t end, int) {
      kernels_.ops.add(x + begin, y + begin, end - begin);
    });
  }

  // Chunks of all rows are dealt to the threads, first for their largest values, then for their sums.
  void log_normalise(const float* z, std::int64_t rows, std::int64_t vocab, Normaliser* out) override {
    std::int64_t chunks = (vocab + spec::kSoftmaxChunk - 1) / spec::kSoftmaxChunk;
    std::vector<float> of_chunk(static_cast<std::size_t>(rows * chunks));
    auto each_chunk = [&](auto kernel) {
      each_row(rows * chunks, spec::kSoftmaxChunk, [&](std::int64_t i, int) {
        std::int64_t begin = i % chunks * spec::kSoftmaxChunk;
        of_chunk[static_cast<std::size_t>(i)] =
            kernel(i / chunks, z + i / chunks * vocab + begin, std::min(spec::kSoftmaxChunk, vocab - begin));
      });
    };
    auto chunks_of = [&](std::int64_t row) { return of_chunk.data() + row * chunks; };

    each_chunk([&](std::int64_t, const float* at, std::int64_t n) { return kernels_.ops.max(at, n); });
    for (std::int64_t row = 0; row < rows; ++row) {
      // NaN where the row has no probabilities; a zero maximum is +0 (R1).
      out[row].max = kernels_.ops.max(chunks_of(row), chunks) + 0.0f;
      if (!std::isfinite(out[row].max)) out[row].max = NAN;
    }
    each_chunk([&](std::int64_t row, const float* at, std::int64_t n) {
      return std::isnan(out[row].max) ? NAN : kernels_.ops.sum_of_exp(at, n, out[row].max);
    });
    for (std::int64_t row = 0; row < rows; ++row) {
      float sum = 0;
      for (std::int64_t chunk = 0; chunk < chunks; ++chunk) sum = sum + chunks_of(row)[chunk];
      out[row].log_sum = spec::log(sum);
    }
  }

  void exp_of_logits(const float* v, float best, float temperature, std::int64_t count, float* e) override {
    pool_.for_range(count, kGrainElements, [&](std::int64_t begin, std::int64_t end, int) {
      kernels_.ops.exp_of_logits(v + begin, best, temperature, end - begin, e + begin);
    });
  }

 private:
  RowLayout layout(std::int64_t k, int limbs) const { return RowLayout::of(kernels_.gemm.form, k, limbs); }

  // body(row, part) for every row in [0, rows), each of `width` elements.
  template <class Body>
  void each_row(std::int64_t rows, std::int64_t width, Body body) {
    pool_.for_range(rows, grain_of(kGrainElements, width),
                    [&](std::int64_t begin, std::int64_t end, int part) {
                      for (std::int64_t row = begin; row < end; ++row) body(row, part);
                    });
  }

  // A row of this thread's own, for values on their way to being quantised.
  float* row_scratch(int part, std::int64_t k) {
    AlignedBuffer<float>& row = row_scratch_[static_cast<std::size_t>(part)];
    if (row.size() < static_cast<std::size_t>(k)) row = AlignedBuffer<float>(static_cast<std::size_t>(k));
    return row.data();
  }

  void begin_rows(FixRows& out, std::int64_t rows, std::int64_t k, FixForm form) const {
    CHECK(static_cast<std::size_t>(rows) <= out.scale.size() &&
              static_cast<std::size_t>(rows * layout(k, form.limbs).stride_bytes) <= out.q.size(),
          "{} rows of {} do not fit the storage that make_rows gave", rows, k);
    out.rows = rows, out.k = k, out.form = form;
  }

  // x: (out.k), overwritten
  void rotate_and_quantise(float* x, FixRows& out, std::int64_t row, Faults faults) const {
    kernels_.ops.hadamard(x, out.k, out.rotation());
    quantise_row(x, out, row, faults);
  }

  void quantise_row(const float* x, FixRows& out, std::int64_t row, Faults faults) const {
    const int limbs = out.form.limbs;
    RowScale s = kernels_.ops.quantise(x, out.k, limbs, layout(out.k, limbs).row(out.q.data(), row));
    out.scale[static_cast<std::size_t>(row)] = s.scale;
    if (!s.finite) faults.set(row);
  }

  void linear_panels(const FixRows& x, const LinearJob& job, std::int64_t first, std::int64_t panels) const {
    const PackedMatrix& w = *job.w;
    std::int64_t output = first * kPanelRows;
    kernels_.gemm.gemm(layout(x.k, x.form.limbs).rows(x.q.data(), 0, x.rows, w.k_padded()),
                       {w.kind, reinterpret_cast<const std::int8_t*>(w.panel(first)),
                        panel_bytes(w.kind, w.k_padded()), panels},
                       {.y = job.y + output,
                        .stride = w.n,
                        .n = std::min(panels * kPanelRows, w.n - output),
                        .row_scale = x.scale.data(),
                        .column_scale = w.scale + output,
                        .bias = job.bias ? job.bias + output : nullptr});
  }

  CpuKernels kernels_;
  ThreadPool pool_;
  std::vector<AlignedBuffer<float>> row_scratch_;    // (threads)
  std::vector<AttentionScratch> attention_scratch_;  // (threads)
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const CpuKernels& kernels, int threads) {
  return std::make_unique<CpuBackend>(kernels, threads);
}

}  // namespace verbatim::cpu
