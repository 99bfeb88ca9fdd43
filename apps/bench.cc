// verbatim bench: prefill, decode and batched decode, beside what this machine can do. (bench_serve.cc: the same
// question put to a server.)
//
// Times Runner::step alone: no sampling, no text. With --beside, two backends take turns, test by test. Prefill computes a prompt in chunks of --chunk rows with
// the logits of its last row; decode computes one row of each of `b` sequences a step, every row with its
// logits.
#include <chrono>
#include <cmath>
#include <cstdio>

#include "backend/list.h"
#include "command.h"
#include "json/library.h"
#include "machine.h"

namespace verbatim::app {
namespace {

struct BenchFlags {
  ModelFlags model;
  std::vector<std::int64_t> prompts = {512}, lengths = {128}, batches = {1, 8, 32};
  std::int64_t chunk = 512;
  int repetitions = 5;
  std::string beside;  // another backend; empty: none
  bool json = false;
};

// Arithmetic, by the definition of the operations, and as the instruction set carries it out.
struct Work {
  double multiply_adds = 0;  // of the model's matrices
  double products = 0;       // of the integer unit: an int8 unit takes one a pair of limbs

  Work operator*(double times) const { return {multiply_adds * times, products * times}; }
  Work operator+(Work other) const {
    return {multiply_adds + other.multiply_adds, products + other.products};
  }
};

struct Measurement {
  std::string test;
  double tokens_per_second = 0, deviation = 0;
  Work work;         // of one token
  double bytes = 0;  // read for one token: its share of the weights that a step reads, and its cache
};

class Bench {
 public:
  Bench(LoadedModel& loaded, const IntegerUnit& unit, const BenchFlags& options)
      : model_(*loaded.model), config_(loaded.model->config()), options_(options) {
    double row_limbs = unit.splits_rows ? options.model.activations / 8 : 1;
    for (const TensorReport& tensor : loaded.tensors) {
      const CheckpointTensor* file = loaded.checkpoint.find(tensor.name);
      bool embedding = tensor.name == "token_embd.weight";
      if (tensor.kind == "f32" || file == nullptr || (embedding && !config_.tied_embeddings)) continue;
      double elements = static_cast<double>(file->rows) * static_cast<double>(file->columns);
      bool integers = unit.multiply_adds != nullptr;
      weight_bytes_ += integers ? static_cast<double>(tensor.bytes) : elements * sizeof(float);
      Work work{elements, elements * row_limbs * (tensor.kind == "i16" ? 2 : 1)};
      Work& part = embedding || tensor.name == "output.weight" ? output_ : layers_;
      part = part + work;
    }
    auto context = static_cast<double>(2 * config_.layers * config_.heads * config_.head_dim);
    context_ = {context, context * row_limbs * options.model.kv / 8};
    context_bytes_ = static_cast<double>(model_.kv_shape().page_bytes()) / static_cast<double>(kPageTokens);
  }

  Measurement prefill(std::int64_t tokens) {
    std::int64_t chunk = std::min(tokens, options_.chunk);
    auto steps = static_cast<double>((tokens + chunk - 1) / chunk), length = static_cast<double>(tokens);
    Measurement m;
    m.test = fmt::format("prefill {}", tokens);
    m.work = layers_ + output_ * (1 / length) + context_ * (length / 2);
    m.bytes = (weight_bytes_ + context_bytes_ * length / 2) * steps / length;
    return measure(std::move(m), 1, tokens, [&](Runner& runner) {
      for (std::int64_t at = 0; at < tokens; at += chunk) {
        step(runner, 1, pages_of(tokens), at, std::min(chunk, tokens - at), at + chunk >= tokens);
      }
    });
  }

  Measurement decode(std::int64_t sequences, std::int64_t tokens) {
    auto length = static_cast<double>(tokens);
    Measurement m;
    m.test = fmt::format("decode {}, {} together", tokens, sequences);
    m.work = layers_ + output_ + context_ * (length / 2);
    m.bytes = weight_bytes_ / static_cast<double>(sequences) + context_bytes_ * length / 2;
    return measure(std::move(m), sequences, tokens, [&](Runner& runner) {
      for (std::int64_t at = 0; at < tokens; ++at) step(runner, sequences, pages_of(tokens), at, 1, true);
    });
  }

 private:
  static std::int64_t pages_of(std::int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

  // `rows` tokens of each of `sequences` sequences, from position `at`.
  void step(Runner& runner, std::int64_t sequences, std::int64_t pages_each, std::int64_t at,
            std::int64_t rows, bool logits) {
    StepBatch batch;
    for (std::int64_t s = 0; s < sequences; ++s) {
      Segment segment;
      segment.first_row = static_cast<std::int32_t>(batch.rows());
      segment.rows = static_cast<std::int32_t>(rows);
      segment.first_position = static_cast<std::int32_t>(at);
      for (std::int64_t block = 0; block * kPageTokens < at + rows; ++block) {
        segment.pages.push_back(static_cast<std::int32_t>(s * pages_each + block));
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        batch.tokens.push_back(static_cast<std::int32_t>((at + r + s * 31) % config_.vocab_size));
        batch.positions.push_back(static_cast<std::int32_t>(at + r));
      }
      if (logits) batch.logits_rows.push_back(static_cast<std::int32_t>(batch.rows() - 1));
      batch.segments.push_back(std::move(segment));
    }
    runner.step(batch, {});
  }

  template <class Run>
  Measurement measure(Measurement m, std::int64_t sequences, std::int64_t tokens, Run run) {
    const auto runner = model_.make_runner({.pages = sequences * pages_of(tokens),
                                            .max_rows = std::max(sequences, std::min(tokens, options_.chunk)),
                                            .max_logits_rows = sequences});
    run(*runner);  // warm: page faults, first touches
    std::vector<double> rates;
    for (int i = 0; i < options_.repetitions; ++i) {
      auto start = std::chrono::steady_clock::now();
      run(*runner);
      std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      rates.push_back(static_cast<double>(tokens * sequences) / seconds.count());
    }
    auto count = static_cast<double>(rates.size());
    for (double rate : rates) m.tokens_per_second += rate / count;
    double squares = 0;
    for (double rate : rates) squares += (rate - m.tokens_per_second) * (rate - m.tokens_per_second);
    m.deviation = count > 1 ? std::sqrt(squares / (count - 1)) : 0;
    return m;
  }

  Model& model_;
  const ModelConfig& config_;
  const BenchFlags& options_;
  double weight_bytes_ = 0;
  Work layers_, output_;      // of one token
  Work context_;              // of one token, for each token before it
  double context_bytes_ = 0;  // likewise
};

// One backend under test.
struct Subject {
  Subject(std::unique_ptr<LoadedModel> model, const BenchFlags& options)
      : loaded(std::move(model)),
        unit(find_backend(loaded->backend->name())->integer_unit),
        bench(*loaded, unit, options) {}

  std::unique_ptr<LoadedModel> loaded;
  IntegerUnit unit;
  Bench bench;
  double products_per_second = 0;  // of its unit, from registers; 0: it has none
  std::vector<Measurement> rows;   // in the order of the tests

  double integer_share(const Measurement& m) const {
    return products_per_second > 0 ? m.tokens_per_second * m.work.products / products_per_second : 0;
  }
};

double bandwidth_share(const Measurement& m, double bytes_per_second) {
  return m.tokens_per_second * m.bytes / bytes_per_second;
}

void print_table(const BenchFlags& options, const std::vector<Subject>& subjects, double bytes_per_second) {
  const LoadedModel& loaded = *subjects[0].loaded;
  const ModelConfig& c = loaded.model->config();
  fmt::print("{}: {}, {} layers, dim {}; weights {}, activations {}, kv {}; backend {}, {} threads\n",
             loaded.checkpoint.path, c.architecture, c.layers, c.dim, options.model.weights,
             options.model.activations, options.model.kv, loaded.backend->name(), loaded.backend->threads());
  fmt::print("this machine: {:.1f} GB/s read", bytes_per_second / 1e9);
  for (const Subject& subject : subjects) {
    if (subject.products_per_second > 0)
      fmt::print(", {:.0f} G integer multiply-adds/s from registers", subject.products_per_second / 1e9);
  }
  fmt::print(
      "\n\n| test | tokens/s | +- | MB/token | M multiply-adds/token | of bandwidth | of integer peak |\n");
  fmt::print("|---|---:|---:|---:|---:|---:|---:|\n");
  for (std::size_t test = 0; test < subjects[0].rows.size(); ++test) {
    for (const Subject& subject : subjects) {
      const Measurement& m = subject.rows[test];
      std::string of = subjects.size() > 1 ? fmt::format(", {}", subject.loaded->backend->name()) : "";
      std::string peak =
          subject.products_per_second > 0 ? fmt::format("{:.0f} %", 100 * subject.integer_share(m)) : "-";
      fmt::print("| {}{} | {:.2f} | {:.2f} | {:.2f} | {:.1f} | {:.0f} % | {} |\n", m.test, of,
                 m.tokens_per_second, m.deviation, m.bytes / 1e6, m.work.multiply_adds / 1e6,
                 100 * bandwidth_share(m, bytes_per_second), peak);
    }
  }
  if (subjects.size() == 1) return;
  fmt::print("\nSpeed of {} over that of {}:\n", subjects[0].loaded->backend->name(),
             subjects[1].loaded->backend->name());
  for (std::size_t test = 0; test < subjects[0].rows.size(); ++test) {
    fmt::print("  {:<28} {:.2f}\n", subjects[0].rows[test].test,
               subjects[0].rows[test].tokens_per_second / subjects[1].rows[test].tokens_per_second);
  }
}

nlohmann::json json_of(const Subject& subject, double bytes_per_second) {
  const LoadedModel& loaded = *subject.loaded;
  nlohmann::json out = {
      {"model", loaded.checkpoint.path},
      {"fingerprint", loaded.fingerprint},
      {"backend", loaded.backend->name()},
      {"threads", loaded.backend->threads()},
      {"machine",
       {{"bytes_per_second", bytes_per_second}, {"products_per_second", subject.products_per_second}}}};
  for (const Measurement& m : subject.rows) {
    out["tests"].push_back({{"test", m.test},
                            {"tokens_per_second", m.tokens_per_second},
                            {"deviation", m.deviation},
                            {"bytes_per_token", m.bytes},
                            {"multiply_adds_per_token", m.work.multiply_adds},
                            {"bandwidth_share", bandwidth_share(m, bytes_per_second)},
                            {"integer_share", subject.integer_share(m)}});
  }
  return out;
}

int bench(const BenchFlags& options) {
  std::vector<Subject> subjects;
  for (const std::string& backend : {options.model.backend, options.beside}) {
    if (!subjects.empty() && backend.empty()) break;
    ModelFlags flags = options.model;
    flags.backend = backend;
    auto loaded = open_model(flags);
    if (loaded == nullptr) return 1;
    subjects.emplace_back(std::move(loaded), options);
  }
  double bytes_per_second = 0;
  {
    ThreadPool pool(subjects[0].loaded->backend->threads());
    bytes_per_second = measure_read_bandwidth(pool);
    for (Subject& subject : subjects) {
      if (subject.unit.multiply_adds != nullptr)
        subject.products_per_second = measure_multiply_adds(pool, subject.unit.multiply_adds);
    }
  }
  for (std::int64_t tokens : options.prompts) {
    for (Subject& subject : subjects) subject.rows.push_back(subject.bench.prefill(tokens));
  }
  for (std::int64_t tokens : options.lengths) {
    for (std::int64_t sequences : options.batches) {
      for (Subject& subject : subjects) subject.rows.push_back(subject.bench.decode(sequences, tokens));
    }
  }
  if (!options.json) {
    print_table(options, subjects, bytes_per_second);
    return 0;
  }
  nlohmann::json out = json_of(subjects[0], bytes_per_second);
  if (subjects.size() > 1) out["beside"] = json_of(subjects[1], bytes_per_second);
  std::puts(out.dump(2).c_str());
  return 0;
}

}  // namespace

void add_bench(CommandLine line) {
  auto options = std::make_shared<BenchFlags>();
  add_model_flags(line, options->model);
  auto counts = [&](const std::string& names, std::vector<std::int64_t>& values, const std::string& help) {
    line.flag(names, values, help).comma_separated().between(1, 1 << 20);
  };
  counts("-p,--prompts", options->prompts, "Prompt lengths to prefill, in tokens");
  counts("-n,--lengths", options->lengths, "Lengths to decode, in tokens");
  counts("-b,--batches", options->batches, "Sequences that decode together");
  line.flag("--chunk", options->chunk, "Rows of a prefill step").between(1, 1 << 20);
  line.flag("-r,--repetitions", options->repetitions, "Timed runs of each test").between(1, 1000);
  line.flag("--beside", options->beside,
            "Another backend to measure in turns with the first; conventional shows what determinism costs");
  line.boolean("--json", options->json, "The same as JSON");
  line.footer(
      "Examples:\n"
      "  verbatim bench -m model.gguf\n"
      "  verbatim bench -m model.gguf -p 512,2048 -n 64 -b 1,8,32 --backend avx2 --threads 2\n"
      "  verbatim bench --beside conventional\n"
      "  verbatim bench serve http://127.0.0.1:8000");
  add_bench_serve(line.command("serve", "Put load on a server that speaks the OpenAI API"));
  line.run([options] { return bench(*options); });
}

}  // namespace verbatim::app
