// Experiments 1 and 2: sums of floats, in shuffled order and in the order in which threads arrive.
#include <algorithm>
#include <array>
#include <atomic>
#include <random>

#include "lab/lab.h"
#include "parallel/thread_pool.h"
#include "spec/fix.h"

namespace verbatim::lab {
namespace {

constexpr std::int64_t kShuffles = 10000;
constexpr std::int64_t kParallelSums = 300;
constexpr std::int64_t kAdded = 20000;  // numbers of one sum

auto numbered(const char* what) {
  return [what](std::int64_t run) { return fmt::format("{} {}", what, run + 1); };
}

// The contract's way to hold numbers whose sum is large: integers (spec/fix.h).
std::vector<std::int16_t> as_integers(std::span<const float> x, float& scale) {
  std::vector<std::int16_t> q(x.size());
  scale = spec::quantise(x.data(), static_cast<std::int64_t>(x.size()), 2, q.data()).scale;
  return q;
}

}  // namespace

Finding order_of_sum(const Conditions& conditions) {
  // Magnitudes of the article's example.
  const std::array<float, 8> numbers = {1e-10f, 1e-5f, 1e-2f, 1.0f, -1e-10f, -1e-5f, -1e-2f, -1.0f};
  float scale = 0;
  const std::vector<std::int16_t> integers = as_integers(numbers, scale);
  auto orders = [&](auto values, auto zero, float times) {
    return [=, random = std::mt19937_64(conditions.seed)](std::int64_t, std::vector<float>& result) mutable {
      std::ranges::shuffle(values, random);
      auto sum = zero;
      for (auto value : values) sum += value;
      result = {static_cast<float>(sum) * times};
    };
  };
  Finding finding;
  finding.claim = "Float addition is not associative: the order of a sum decides its bits";
  finding.trials.push_back(compare({.subject = "float32",
                                    .what = "a sum of 8 numbers from 1e-10 to 1, shuffled",
                                    .runs = kShuffles,
                                    .name = numbered("order"),
                                    .compute = orders(numbers, 0.0f, 1.0f)}));
  finding.trials.push_back(compare({.subject = "integers",
                                    .what = "the same numbers as 15-bit integers times a scale, shuffled",
                                    .ours = true,
                                    .runs = kShuffles,
                                    .name = numbered("order"),
                                    .compute = orders(integers, std::int64_t{0}, scale)}));
  judge(finding, true);
  return finding;
}

Finding order_of_arrival(const Conditions& conditions) {
  std::mt19937_64 random(conditions.seed);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(kAdded);
  for (float& x : numbers) x = normal(random);
  float scale = 0;
  const std::vector<std::int16_t> integers = as_integers(numbers, scale);
  ThreadPool pool(std::max(2, conditions.threads));
  // Every thread adds its share to one total, whenever it comes to it.
  auto sum = [&](auto& total, const auto& values) {
    pool.run([&](int part) {
      for (std::size_t i = static_cast<std::size_t>(part); i < values.size();
           i += static_cast<std::size_t>(pool.size()))
        total.fetch_add(values[i], std::memory_order_relaxed);
    });
  };
  std::string what = fmt::format("{} threads add {} numbers to one atomic total", pool.size(), kAdded);
  Finding finding;
  finding.claim =
      "Some parallel kernels differ from run to run: threads that add in the order of their arrival";
  finding.trials.push_back(compare({.subject = "float32",
                                    .what = what,
                                    .runs = kParallelSums,
                                    .name = numbered("run"),
                                    .compute = [&](std::int64_t, std::vector<float>& result) {
                                      std::atomic<float> total = 0;
                                      sum(total, numbers);
                                      result = {total.load()};
                                    }}));
  finding.trials.push_back(compare({.subject = "integers",
                                    .what = what,
                                    .ours = true,
                                    .runs = kParallelSums,
                                    .name = numbered("run"),
                                    .compute = [&](std::int64_t, std::vector<float>& result) {
                                      std::atomic<std::int64_t> total = 0;
                                      sum(total, integers);
                                      result = {static_cast<float>(total.load()) * scale};
                                    }}));
  judge(finding, true);
  return finding;
}

}  // namespace verbatim::lab
