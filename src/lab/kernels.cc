// Experiments 3, 4 and 5: the kernels of a forward pass, run again and again, and among other rows.
#include <algorithm>
#include <numeric>

#include "backend/conventional/blas.h"
#include "lab/attention_case.h"
#include "lab/lab.h"
#include "lab/product.h"

namespace verbatim::lab {
namespace {

constexpr std::int64_t kRunsOfAKernel = 1000;
constexpr std::int64_t kMostRows = 512;

std::string ours(const Conditions& conditions) {
  return fmt::format("verbatim ({})", conditions.ours->name());
}

// OpenBLAS with as many threads of its own as the experiment may use.
class ThreadedBlas {
 public:
  explicit ThreadedBlas(int threads) : blas_(Blas::load()) {
    if (blas_) blas_->use_threads(threads);
  }
  ~ThreadedBlas() {
    if (blas_) blas_->use_threads(1);
  }
  ThreadedBlas(const ThreadedBlas&) = delete;
  ThreadedBlas& operator=(const ThreadedBlas&) = delete;

  // Why it is missing; empty: it is there.
  std::string missing() const { return blas_ ? "" : blas_.error().message; }
  const Blas& operator*() const { return *blas_; }

 private:
  Result<Blas> blas_;
};

// The comparison, or why it cannot be made.
Trial compare_or(const std::string& missing, const Comparison& comparison) {
  if (missing.empty()) return compare(comparison);
  return {.subject = comparison.subject, .what = comparison.what, .missing = missing};
}

// Numbers of rows from 1 to `most`: 1 first, then powers of two and their neighbours, then all the others. So a sweep
// that runs out of time has seen every size.
std::vector<std::int64_t> batches(std::int64_t most) {
  std::vector<std::int64_t> sizes;
  auto add = [&](std::int64_t rows) {
    if (rows >= 1 && rows <= most && std::ranges::find(sizes, rows) == sizes.end()) sizes.push_back(rows);
  };
  for (std::int64_t power = 1; power <= most; power *= 2) {
    for (std::int64_t rows : {power, power + 1, power - 1}) add(rows);
  }
  for (std::int64_t rows = 1; rows <= most; ++rows) add(rows);
  return sizes;
}

// A row of some operation, alone and in the company that `sizes` say.
Comparison sweep(double seconds, std::string subject, std::string what,
                 const std::vector<std::int64_t>& sizes, const char* company,
                 std::function<void(std::int64_t rows, std::vector<float>& result)> compute) {
  return {
      .subject = std::move(subject),
      .what = std::move(what),
      .runs = static_cast<std::int64_t>(sizes.size()),
      .seconds = seconds,
      .name =
          [&sizes, company](std::int64_t run) {
            return fmt::format("{} of {}", company, sizes[static_cast<std::size_t>(run)]);
          },
      .x = [&sizes](std::int64_t run) { return static_cast<double>(sizes[static_cast<std::size_t>(run)]); },
      .compute = [&sizes, compute = std::move(compute)](
                     std::int64_t run,
                     std::vector<float>& result) { compute(sizes[static_cast<std::size_t>(run)], result); }};
}

}  // namespace

Finding run_to_run(const Conditions& conditions) {
  constexpr std::int64_t rows = 64, k = 512, n = 512;
  Product product(conditions.seed, rows, k, n);
  ThreadedBlas blas(conditions.threads);
  std::string what = fmt::format("{} rows of {} -> {}, the same again and again", rows, k, n);
  auto again = [&](std::string subject, auto compute) {
    return Comparison{.subject = std::move(subject),
                      .what = what,
                      .runs = kRunsOfAKernel,
                      .seconds = 3 * conditions.seconds,
                      .name = [](std::int64_t run) { return fmt::format("run {}", run + 1); },
                      .compute = compute};
  };
  Finding finding;
  finding.claim = "The kernels of a forward pass are deterministic from run to run";
  finding.trials.push_back(
      compare_or(blas.missing(), again("OpenBLAS, float32", [&](std::int64_t, std::vector<float>& y) {
                   y.resize(rows * n);
                   (*blas).gemm(product.x(), rows, product.w(), n, k, y.data(), n);
                 })));
  Comparison by_ours = again(ours(conditions), [&](std::int64_t, std::vector<float>& y) {
    product.by_backend(*conditions.ours, rows, y);
  });
  by_ours.ours = true;
  finding.trials.push_back(compare(by_ours));
  judge(finding, false);
  return finding;
}

Finding matmul_batches(const Conditions& conditions) {
  constexpr struct { std::int64_t k, n; } shapes[] = {{320, 320}, {1024, 256}, {4096, 128}};
  std::vector<std::int64_t> sizes = batches(kMostRows);
  ThreadedBlas blas(conditions.threads);
  Finding finding;
  finding.claim =
      "And yet they are not batch-invariant: a row of a product depends on how many rows there are";
  for (auto [k, n] : shapes) {
    Product product(conditions.seed, kMostRows, k, n);
    std::vector<float> all(static_cast<std::size_t>(kMostRows * n));
    auto row_0 = [&](std::vector<float>& y) { y.assign(all.begin(), all.begin() + n); };
    std::string what = fmt::format("row 0 of {} -> {}, alone and in batches of 2 to {}", k, n, kMostRows);
    finding.trials.push_back(compare_or(
        blas.missing(),
        sweep(conditions.seconds, "OpenBLAS, gemv or gemm", what, sizes, "batch", [&](auto rows, auto& y) {
          (*blas).multiply(product.x(), rows, product.w(), n, k, all.data(), n);
          row_0(y);
        })));
    finding.trials.push_back(compare_or(blas.missing(), sweep(conditions.seconds, "OpenBLAS, always gemm",
                                                              what, sizes, "batch", [&](auto rows, auto& y) {
                                                                (*blas).gemm(product.x(), rows, product.w(),
                                                                             n, k, all.data(), n);
                                                                row_0(y);
                                                              })));
    Comparison by_ours = sweep(conditions.seconds, ours(conditions), what, sizes, "batch",
                               [&](auto rows, auto& y) { product.by_backend(*conditions.ours, rows, y); });
    by_ours.ours = true;
    finding.trials.push_back(compare(by_ours));
  }
  finding.notes.push_back("the control group has no GPU backend: a GPU's bf16 kernels were not tried");
  judge(finding, true);
  return finding;
}

Finding norm_and_attention(const Conditions& conditions) {
  constexpr std::int64_t dim = 4096;
  std::vector<std::int64_t> crowds = batches(64);
  std::vector<std::int64_t> steps = {kMostRows, 1};  // rows of a step: the extremes first
  for (std::int64_t rows = kMostRows / 2; rows > 1; rows /= 2) steps.push_back(rows);
  std::vector<float> x = normal_floats(conditions.seed, kMostRows * dim),
                     gain = normal_floats(conditions.seed + 1, dim);
  Finding finding;
  finding.claim = "The same holds for RMSNorm and for attention, where the split follows the load";
  auto trials_of = [&](const std::string& subject, Backend* backend, bool is_ours) {
    AttentionCase attention(conditions.seed);
    auto add = [&](Comparison comparison) {
      comparison.ours = is_ours;
      finding.trials.push_back(compare_or(backend == nullptr ? conditions.control_missing : "", comparison));
    };
    if (backend != nullptr) attention.store(*backend);
    add(sweep(conditions.seconds, subject,
              fmt::format("RMSNorm of {} rows of {}, all in one step or in smaller ones", kMostRows, dim),
              steps, "steps", [&, backend](auto rows, auto& y) {
                const Array<float> normed(backend->memory(), x), gains(backend->memory(), gain);
                for (std::int64_t row = 0; row < kMostRows; row += rows)
                  backend->rms_norm(normed.data() + row * dim, gains.data(), 1e-5f, rows, dim);
                y.resize(x.size());
                normed.read(y);
              }));
    add(sweep(conditions.seconds, subject,
              fmt::format("attention of one row over {} tokens, alone and among 2 to 64 sequences",
                          AttentionCase::kTokens),
              crowds, "batch", [&, backend](auto rows, auto& y) { attention.among(*backend, rows, y); }));
    add(sweep(conditions.seconds, subject, "the same row, alone and as the last of a chunk of 2 to 64",
              crowds, "chunk", [&, backend](auto rows, auto& y) { attention.in_chunk(*backend, rows, y); }));
  };
  trials_of("control group", conditions.control, false);
  trials_of(ours(conditions), conditions.ours, true);
  judge(finding, true);
  return finding;
}

}  // namespace verbatim::lab
