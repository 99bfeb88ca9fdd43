// An answer of N tokens: generated with a receipt, and its receipt verified. VERBATIM_MODEL names the model (default:
// the built-in one), VERBATIM_THREADS the threads (default: 2).
//
//   build/bench/receipt_bench --benchmark_repetitions=3 --benchmark_enable_random_interleaving=true
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "builtin/builtin_models.h"
#include "engine/engine.h"
#include "receipt/receipt_maker.h"
#include "receipt/verify.h"

namespace verbatim {
namespace {

LoadedModel& model() {
  static const std::unique_ptr<LoadedModel> loaded = [] {
    const char *name = std::getenv("VERBATIM_MODEL"), *threads = std::getenv("VERBATIM_THREADS");
    ModelChoice choice;
    choice.path = name != nullptr ? name : builtin_models().front().name;
    choice.threads = threads != nullptr ? std::atoi(threads) : 2;
    auto made = load_model(choice);
    CHECK(made.ok(), "{}", made.error().message);
    return *std::move(made);
  }();
  return *loaded;
}

class Sink final : public TokenSink {
 public:
  explicit Sink(const GenerateRequest& request) : maker_("bench", model().fingerprint, request) {}
  void on_hidden(std::int64_t choice, std::int64_t position, const Sha256Digest& digest) override {
    maker_.on_hidden(choice, position, digest);
  }
  void on_token(const TokenEvent& event) override { maker_.on_token(event); }
  void on_finish(const Finish& finish) override { receipt = maker_.on_finish(finish); }
  std::optional<Receipt> receipt;

 private:
  ReceiptMaker maker_;
};

// temperature: in tenths
GenerateRequest request_of(std::int64_t tokens, std::int64_t temperature) {
  GenerateRequest request;
  for (std::int32_t i = 0; i < 32; ++i) request.prompt.push_back(10 + 7 * i);
  request.max_tokens = tokens;
  request.sampling.temperature = static_cast<float>(temperature) / 10;
  request.ignore_eos = request.hidden = true;
  return request;
}

Receipt generate(const GenerateRequest& request) {
  EngineOptions options;
  options.kv_pages = Scheduler::pages_needed(32 + request.max_tokens) + 1;
  auto engine = Engine::create(*model().model, model().tokenizer.get(), options);
  Sink sink(request);
  CHECK((*engine)->submit(request, sink).ok(), "the model's context is too short");
  while (!(*engine)->idle()) (*engine)->step();
  return *sink.receipt;
}

void rate(benchmark::State& state) {
  state.counters["tokens/s"] =
      benchmark::Counter(static_cast<double>(state.range(0)), benchmark::Counter::kIsIterationInvariantRate);
}

void bm_generate(benchmark::State& state) {
  const GenerateRequest request = request_of(state.range(0), state.range(1));
  for (auto _ : state) benchmark::DoNotOptimize(generate(request));
  rate(state);
}

void bm_verify(benchmark::State& state) {
  const SavedReceipt saved{"", generate(request_of(state.range(0), state.range(1)))};
  for (auto _ : state) {
    auto verdicts = verify_receipts(model(), std::span(&saved, 1), {});
    CHECK(verdicts.front().outcome == Verdict::Outcome::valid, "{}", verdicts.front().sentence);
  }
  rate(state);
}

void arguments(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"tokens", "tenths"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (std::int64_t temperature : {0, 10})
    for (std::int64_t tokens : {16, 64, 256, 1024})
      if (32 + tokens <= model().model->config().context_length) bench->Args({tokens, temperature});
}
BENCHMARK(bm_generate)->Apply(arguments);
BENCHMARK(bm_verify)->Apply(arguments);

}  // namespace
}  // namespace verbatim
