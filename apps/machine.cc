#include "machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/aligned_buffer.h"

namespace verbatim::app {
namespace {

constexpr int kPasses = 5;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Amount of work over time, best of kPasses.  pass() returns the amount.
template <class Pass>
double best_rate(Pass pass) {
  double best = 0;
  for (int i = 0; i < kPasses; ++i) {
    auto start = std::chrono::steady_clock::now();
    double amount = pass();
    best = std::max(best, amount / seconds_since(start));
  }
  return best;
}

}  // namespace

double measure_read_bandwidth(ThreadPool& pool) {
  constexpr std::int64_t kWords = std::int64_t{512} << 17;  // 512 MiB
  AlignedBuffer<std::uint64_t> buffer(static_cast<std::size_t>(kWords));
  pool.for_range(kWords, 4096, [&](std::int64_t begin, std::int64_t end, int) {
    std::fill(&buffer[static_cast<std::size_t>(begin)], buffer.data() + end, std::uint64_t{1});
  });
  std::atomic<std::uint64_t> total{0};
  return best_rate([&] {
    pool.for_range(kWords, 4096, [&](std::int64_t begin, std::int64_t end, int) {
      std::uint64_t sums[8] = {};  // independent, so that the loop waits for memory only
      for (std::int64_t i = begin; i < end; i += 8) {
        for (int lane = 0; lane < 8; ++lane) sums[lane] ^= buffer[static_cast<std::size_t>(i + lane)];
      }
      for (std::uint64_t sum : sums) total += sum;
    });
    return static_cast<double>(kWords) * sizeof(std::uint64_t);
  });
}

double measure_multiply_adds(ThreadPool& pool, std::int64_t (*multiply_adds)(std::int64_t)) {
  std::int64_t rounds = 1000;
  for (double seconds = 0; seconds < 0.02; rounds *= 2) {
    auto start = std::chrono::steady_clock::now();
    multiply_adds(rounds);
    seconds = seconds_since(start);
  }
  return best_rate([&] {
    std::atomic<std::int64_t> done{0};
    pool.run([&](int) { done += multiply_adds(rounds); });
    return static_cast<double>(done);
  });
}

}  // namespace verbatim::app
