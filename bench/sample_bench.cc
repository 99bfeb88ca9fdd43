// Drawing one token: microseconds a row of logits, on one thread, with the exponential of this machine's kernels.
//
//   sample/FILTERS/VOCABULARY/SPREAD   normal logits of that standard deviation: 2 leaves most tokens some weight, 8 few
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "backend/list.h"
#include "sample/sampler.h"

namespace verbatim {
namespace {

void sample(benchmark::State& state, const SamplingParams& params, std::size_t vocab, float spread) {
  auto backend = make_backend("auto", 1);
  CHECK(backend.ok(), "{}", backend.error().message);
  Sampler sampler([&](std::span<const float> v, float best, float temperature, float* e) {
    (*backend)->logits_math().exp_of_logits(v, best, temperature, e);
  });
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> logits(vocab);
  for (float& z : logits) z = normal(random);
  DrawPlace place;
  for (auto _ : state) {
    ++place.position;
    benchmark::DoNotOptimize(sampler.sample(logits, params, {}, place));
  }
}

const bool kRegistered = [] {
  struct Case {
    const char* name;
    float temperature;
    std::int64_t top_k;
    float top_p, min_p;
  };
  const Case cases[] = {
      {"greedy", 0, 0, 1, 0},      {"temperature1", 1, 0, 1, 0},         {"top_k40", 1, 40, 1, 0},
      {"top_p0.9", 1, 0, 0.9f, 0}, {"top_k40_top_p0.9", 1, 40, 0.9f, 0}, {"min_p0.05", 1, 0, 1, 0.05f}};
  for (const Case& c : cases)
    for (std::size_t vocab : {32000, 128256})
      for (int spread : {2, 8})
        benchmark::RegisterBenchmark(
            ("sample/" + std::string(c.name) + "/" + std::to_string(vocab) + "/" + std::to_string(spread))
                .c_str(),
            [=](benchmark::State& state) {
              SamplingParams params;
              params.temperature = c.temperature, params.top_k = c.top_k;
              params.top_p = c.top_p, params.min_p = c.min_p;
              sample(state, params, vocab, static_cast<float>(spread));
            })
            ->Unit(benchmark::kMicrosecond);
  return true;
}();

}  // namespace
}  // namespace verbatim
