#include "backend/conventional/conventional.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "backend/conventional/attention.h"
#include "backend/conventional/bf16.h"
#include "backend/cpu/unpack_row.h"
#include "base/check.h"
#include "parallel/thread_pool.h"
#include "spec/embed.h"
#include "spec/log_softmax.h"

namespace verbatim {
namespace {

using conventional::round_to_bf16;

constexpr std::int64_t kGrainElements = 16 << 10;  // float32 operations worth waking a thread for
constexpr std::int64_t kGrainProducts = 64 << 10;  // likewise, of a product of matrices

std::int64_t grain_of(std::int64_t least_work, std::int64_t work_of_one) {
  return std::max<std::int64_t>(1, least_work / std::max<std::int64_t>(1, work_of_one));
}

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

class ConventionalBackend final : public Backend {
 public:
  ConventionalBackend(const Blas& blas, const cpu::FloatOps& ops, int threads)
      : blas_(blas), ops_(ops), pool_(threads) {}

  std::string_view name() const override { return kConventional; }
  int threads() const override { return pool_.size(); }

  FixRows make_rows(std::int64_t rows, std::int64_t k) const override {
    FixRows made;
    made.q = AlignedBuffer<std::byte>(static_cast<std::size_t>(rows * k) * sizeof(float));
    return made;
  }

  void embed(const PackedMatrix& table, std::span<const std::int32_t> tokens, float* y) override {
    each_row(static_cast<std::int64_t>(tokens.size()), table.k, [&](std::int64_t row) {
      unpack(table, tokens[static_cast<std::size_t>(row)], y + row * table.k);
      round_to_bf16(y + row * table.k, table.k, y + row * table.k);
    });
  }

  void quantise(const float* x, std::int64_t rows, std::int64_t k, FixForm form, FixRows& out,
                Faults faults) override {
    each_new_row(out, rows, k, form, faults,
                 [&](std::int64_t row, float* y) { return round_to_bf16(x + row * k, k, y); });
  }

  void read_row(const FixRows&, std::int64_t, std::int16_t*) const override {
    CHECK(false, "rows of the control group are no integers of the contract");
  }

  void rms_norm_quantise(const float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k,
                         FixForm form, FixRows& out, Faults faults) override {
    std::int64_t threads = norm_threads(rows, k);
    each_new_row(out, rows, k, form, faults, [&](std::int64_t row, float* y) {
      return norm_row(x + row * k, gain, epsilon, k, threads, y);
    });
  }

  void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) override {
    std::int64_t threads = norm_threads(rows, k);
    each_row(rows, k,
             [&](std::int64_t row) { norm_row(x + row * k, gain, epsilon, k, threads, x + row * k); });
  }

  void linear(const FixRows& x, std::span<const LinearJob> jobs) override {
    for (const LinearJob& job : jobs) {
      CHECK(job.w->k == x.k, "a matrix of {} columns meets rows of {}", job.w->k, x.k);
      const float* w = weights(*job.w);
      pool_.for_range(
          job.w->n, grain_of(kGrainProducts, x.rows * x.k),
          [&](std::int64_t begin, std::int64_t end, int) { linear_outputs(x, job, w, begin, end); });
    }
  }

  void rope(const RopeArgs& args, std::span<const std::int32_t> positions, float* x) override {
    std::int64_t width = args.heads * args.head_dim, half = args.head_dim / 2;
    each_row(static_cast<std::int64_t>(positions.size()), width, [&](std::int64_t row) {
      std::int64_t at = positions[static_cast<std::size_t>(row)] * half;
      for (std::int64_t head = 0; head < args.heads; ++head) {
        ops_.rope(x + row * width + head * args.head_dim, args.head_dim, args.interleaved, args.cosine + at,
                  args.sine + at);
      }
      round_to_bf16(x + row * width, width, x + row * width);
    });
  }

  void store_kv(const float* k, const float* v, const StepBatch& batch, std::int64_t layer, KvPages& cache,
                Faults faults) override {
    const KvShape& shape = cache.shape();
    for (const Segment& segment : batch.segments) {
      each_row(segment.rows, shape.kv_heads * shape.head_dim, [&](std::int64_t r) {
        std::int64_t row = segment.first_row + r, position = segment.first_position + r;
        std::int64_t page = segment.pages[static_cast<std::size_t>(position / kPageTokens)];
        for (std::int64_t head = 0; head < shape.kv_heads; ++head) {
          std::int64_t from = (row * shape.kv_heads + head) * shape.head_dim;
          bool finite = conventional::store_token(k + from, v + from, shape, position % kPageTokens,
                                                  cache.head(page, layer, head));
          if (!finite) faults.set(row);
        }
      });
    }
  }

  // A NaN of q reaches y, and is noticed where the next operation takes it in.
  void attention(const AttentionArgs& args, const float* q, const StepBatch& batch, const KvPages& cache,
                 float* y, Faults) override {
    CHECK(args.heads % cache.shape().kv_heads == 0, "{} query heads over {} KV heads", args.heads,
          cache.shape().kv_heads);
    conventional::attend({args, q, batch, cache, y}, blas_, ops_, pool_);
  }

  void swiglu_quantise(const float* gate, const float* up, std::int64_t rows, std::int64_t k, FixForm form,
                       FixRows& out, Faults faults) override {
    each_new_row(out, rows, k, form, faults, [&](std::int64_t row, float* y) {
      ops_.swiglu(gate + row * k, up + row * k, k, y);
      return round_to_bf16(y, k, y);
    });
  }

  void add(float* x, const float* y, std::int64_t count) override {
    pool_.for_range(count, kGrainElements, [&](std::int64_t begin, std::int64_t end, int) {
      ops_.add(x + begin, y + begin, end - begin);
      round_to_bf16(x + begin, end - begin, x + begin);
    });
  }

  // Log-probabilities and draws are the contract's: given the same logits, all backends answer alike.
  void log_normalise(const float* z, std::int64_t rows, std::int64_t vocab, Normaliser* out) override {
    each_row(rows, vocab, [&](std::int64_t row) {
      spec::LogNormaliser normaliser = spec::log_normaliser(z + row * vocab, vocab);
      out[row] = {normaliser.max, normaliser.log_sum};
    });
  }

  void exp_of_logits(const float* v, float best, float temperature, std::int64_t count, float* e) override {
    pool_.for_range(count, kGrainElements, [&](std::int64_t begin, std::int64_t end, int) {
      ops_.exp_of_logits(v + begin, best, temperature, end - begin, e + begin);
    });
  }

 private:
  // body(row) for every row in [0, rows), each of `width` elements.
  template <class Body>
  void each_row(std::int64_t rows, std::int64_t width, Body body) {
    pool_.for_range(rows, grain_of(kGrainElements, width), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t row = begin; row < end; ++row) body(row);
    });
  }

  // body(row, y) fills a row of `out` and says whether it is finite.
  template <class Body>
  void each_new_row(FixRows& out, std::int64_t rows, std::int64_t k, FixForm form, Faults faults, Body body) {
    CHECK(static_cast<std::size_t>(rows * k) * sizeof(float) <= out.q.size(),
          "{} rows of {} do not fit the storage that make_rows gave", rows, k);
    out.rows = rows, out.k = k, out.form = form;
    each_row(rows, k, [&](std::int64_t row) {
      if (!body(row, reinterpret_cast<float*>(out.q.data()) + row * k)) faults.set(row);
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
    blas_.multiply(reinterpret_cast<const float*>(x.q.data()), x.rows, w + begin * x.k, n, x.k, y, stride);
    for (std::int64_t row = 0; row < x.rows; ++row, y += stride) {
      if (job.bias) ops_.add(y, job.bias + begin, n);
      round_to_bf16(y, n, y);
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
      each_row(w.n, w.k, [&](std::int64_t row) { unpack(w, row, made.data() + row * w.k); });
    }
    return made.data();
  }

  Blas blas_;
  const cpu::FloatOps& ops_;
  ThreadPool pool_;
  std::map<const std::byte*, AlignedBuffer<float>> weights_;  // by where the packed matrix lies
};

}  // namespace

std::unique_ptr<Backend> make_conventional_backend(const Blas& blas, const cpu::FloatOps& ops, int threads) {
  return std::make_unique<ConventionalBackend>(blas, ops, threads);
}

}  // namespace verbatim
