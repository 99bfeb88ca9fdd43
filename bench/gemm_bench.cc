// The integer kernels on one core: multiply-adds a second, and bytes of weights a second against what a plain
// read of memory reaches. Kernels that this processor lacks are left out.
//
//   gemm/KERNEL/KIND/rowsBITS/M   y (M, N) = x (M, K) W (N, K), as gemm.h
//
// M = 1 walks a matrix larger than the caches; larger M use N = K = 2048.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/kernels.h"
#include "base/aligned_buffer.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kStreamBytes = std::int64_t{128} << 20;

void fill(AlignedBuffer<std::int8_t>& bytes, int low, int high) {
  std::minstd_rand random;
  for (std::int8_t& b : bytes) {
    b = static_cast<std::int8_t>(low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1)));
  }
}

void gemm(benchmark::State& state, const GemmKernel& kernel, WeightKind kind, int limbs, std::int64_t rows,
          std::int64_t n, std::int64_t k) {
  // Small bytes are weights of every kind; steps and offsets of 0x0000 .. 0x0707 keep codes within two limbs.
  AlignedBuffer<std::int8_t> weights(static_cast<std::size_t>(packed_bytes(kind, n, k)));
  fill(weights, holds_codes(kind) ? 0 : -63, holds_codes(kind) ? 7 : 63);
  AlignedBuffer<std::int8_t> bytes(static_cast<std::size_t>(2 * rows * k));
  fill(bytes, -60, 60);
  AlignedBuffer<float> y(static_cast<std::size_t>(rows * n));
  const std::vector<float> scale(static_cast<std::size_t>(std::max(rows, n)), 0.5f);

  // The same bytes read as int16 are within two limbs: |high byte| <= 60.
  const GemmRows x{.rows = rows,
                   .k = k,
                   .limbs = limbs,
                   .wide = reinterpret_cast<const std::int16_t*>(bytes.data()),
                   .planes = bytes.data(),
                   .low_offset = rows * k,
                   .stride = k};
  const GemmPanels w{
      .kind = kind, .data = weights.data(), .panel_bytes = panel_bytes(kind, k), .panels = n / 16};
  const GemmOut out{
      .y = y.data(), .stride = n, .n = n, .row_scale = scale.data(), .column_scale = scale.data()};
  for (auto _ : state) {
    kernel.gemm(x, w, out);
    benchmark::ClobberMemory();
  }
  const auto per_second = [](double per_iteration) {
    return benchmark::Counter(per_iteration, benchmark::Counter::kIsIterationInvariantRate);
  };
  state.counters["MAC/s"] = per_second(static_cast<double>(rows * n * k));
  state.counters["B/s"] = per_second(static_cast<double>(weights.size()));
}

// What the memory gives to one core: every 64-bit word of a large buffer is read.
void read_memory(benchmark::State& state) {
  AlignedBuffer<std::uint64_t> words(static_cast<std::size_t>(kStreamBytes) / sizeof(std::uint64_t));
  for (std::uint64_t& word : words) word = 1;
  for (auto _ : state) {
    std::uint64_t sums[8] = {};
    for (std::size_t i = 0; i < words.size(); i += 8) {
      for (std::size_t j = 0; j < 8; ++j) sums[j] += words[i + j];
    }
    benchmark::DoNotOptimize(sums);
  }
  state.counters["B/s"] =
      benchmark::Counter(static_cast<double>(kStreamBytes), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(read_memory)->Unit(benchmark::kMillisecond);

const bool kRegistered = [] {
  const CpuFeatures has = detect_cpu_features();
  for (const CpuKernels& named : all_kernels()) {
    if (!named.runs_on(has)) continue;
    for (const WeightKind kind :
         {WeightKind::i16, WeightKind::i8, WeightKind::c4, WeightKind::c4z, WeightKind::c8}) {
      for (const int limbs : {2, 1}) {
        for (const std::int64_t rows : {1, 2, 4, 8, 16, 128, 512}) {
          const std::int64_t k = 2048;
          const std::int64_t n = rows == 1 ? kStreamBytes / panel_bytes(kind, k) * kPanelRows : 2048;
          const std::string name = "gemm/" + std::string(named.name) + "/" +
                                   std::string(verbatim::name_of(kind)) + "/rows" +
                                   std::to_string(8 * limbs) + "/" + std::to_string(rows);
          benchmark::RegisterBenchmark(name.c_str(), [=, kernel = &named.gemm](benchmark::State& state) {
            gemm(state, *kernel, kind, limbs, rows, n, k);
          })->Unit(benchmark::kMillisecond);
        }
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace verbatim::cpu
