#include "machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

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

// memchr for a byte that is not there: the C library reads with the widest instructions the machine has.
double measure_read_bandwidth(ThreadPool& pool) {
  constexpr std::int64_t kBytes = std::int64_t{512} << 20;
  AlignedBuffer<char> buffer(static_cast<std::size_t>(kBytes));
  auto for_each_part = [&](auto body) {
    pool.for_range(kBytes, 4096, [&](std::int64_t begin, std::int64_t end, int) {
      body(buffer.data() + begin, static_cast<std::size_t>(end - begin));
    });
  };
  for_each_part([](char* part, std::size_t bytes) { std::memset(part, 1, bytes); });
  std::atomic<int> found{0};
  return best_rate([&] {
    for_each_part(
        [&](const char* part, std::size_t bytes) { found += std::memchr(part, 2, bytes) != nullptr; });
    return static_cast<double>(kBytes);
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
