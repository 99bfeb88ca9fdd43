// verbatim demo: one prompt alone, then the same prompt in a random crowd; the text as it streams; every
// logit bit compared.
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>

#include "base/sha256.h"
#include "command.h"
#include "load/random_model.h"

namespace verbatim::app {
namespace {

struct Options {
  ModelFlags model;
  std::string prompt = "Once upon a time";
  std::int64_t max_tokens = 200, crowd = 40, copies = 8;
  std::uint64_t seed = 0;
};

// An answer: its text and every row of logits on its way.
class Recorder : public TokenSink {
 public:
  explicit Recorder(bool show) : show_(show) {}
  void on_logits(std::int64_t, std::int64_t, std::span<const float> row) override {
    logits_.insert(logits_.end(), row.begin(), row.end());
  }
  void on_token(const TokenEvent& event) override { add(event.text); }
  void on_finish(const Finish& finish) override {
    add(finish.text);
    finish_ = finish;
  }
  const std::string& text() const { return text_; }
  const std::vector<float>& logits() const { return logits_; }
  const std::optional<Finish>& finish() const { return finish_; }
  std::string digest() const {
    Sha256 sha;
    sha.update(logits_.data(), logits_.size() * sizeof(float));
    return sha.hex();
  }

 private:
  void add(const std::string& text) {
    text_ += text;
    if (show_) std::fputs(text.c_str(), stdout), std::fflush(stdout);
  }
  bool show_;
  std::string text_;
  std::vector<float> logits_;
  std::optional<Finish> finish_;
};

class Passer final : public TokenSink {
  void on_token(const TokenEvent&) override {}
  void on_finish(const Finish&) override {}
};

// A small model with seeded random weights in a temporary file, for a demo without a model: fluent nonsense.
struct TemporaryModel {
  std::string path;
  ~TemporaryModel() {
    if (!path.empty()) std::filesystem::remove(path);
  }
};

Status write_demo_model(TemporaryModel& model) {
  RandomModel random;
  ModelConfig& c = random.config;
  c.architecture = "llama";
  c.layers = 4, c.dim = 256, c.hidden_dim = 768, c.heads = 8, c.kv_heads = 2, c.head_dim = c.rope_dim = 32;
  c.vocab_size = 2048, c.context_length = 1024;
  random.type = DType::q8_0;
  std::error_code error;
  std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error) return fail("no temporary folder: {}", error.message());
  model.path = folder / fmt::format("verbatim-demo-{}.gguf", getpid());
  ThreadPool pool(1);
  return write_random_model(model.path, random, pool);
}

class Demo {
 public:
  Demo(LoadedModel& loaded, const Options& options)
      : loaded_(loaded), options_(options), random_(options.seed) {}

  Result<bool> operator()() {
    auto prompt = loaded_.tokenizer->encode(options_.prompt, {});
    if (!prompt) return prompt.error();
    request_.prompt = *std::move(prompt);
    auto room = loaded_.model->config().context_length - static_cast<std::int64_t>(request_.prompt.size());
    request_.max_tokens = std::min(options_.max_tokens, room);
    request_.logits = true;

    request_.sampling.temperature = 1;
    request_.sampling.seed = options_.seed;
    auto alone = answer_alone();
    return alone ? answer_in_crowd(**alone) : Result<bool>(alone.error());
  }

 private:
  Result<std::unique_ptr<Recorder>> answer_alone() {
    auto engine = make_engine(1);
    if (!engine) return engine.error();
    fmt::print("\n--- alone ---\n{}", options_.prompt);
    auto recorder = std::make_unique<Recorder>(true);
    if (auto id = (*engine)->submit(request_, *recorder); !id) return id.error();
    while (!(*engine)->idle()) (*engine)->step();
    fmt::print("\n");
    return recorder;
  }

  // Copies of the request arrive at random moments between strangers; the first copy is shown as it streams.
  Result<bool> answer_in_crowd(const Recorder& alone) {
    auto engine = make_engine(options_.crowd + options_.copies);
    if (!engine) return engine.error();
    fmt::print("\n--- the same request, {} times among {} others ---\n{}", options_.copies, options_.crowd,
               options_.prompt);
    std::vector<std::unique_ptr<Recorder>> copies;
    Passer passer;
    std::int64_t strangers = 0;
    auto arrived = [&] { return static_cast<std::int64_t>(copies.size()); };
    while (strangers < options_.crowd || arrived() < options_.copies || !(*engine)->idle()) {
      for (std::uint64_t arrivals = random_() % 3; arrivals > 0; --arrivals) {
        bool copy = strangers == options_.crowd || random_() % static_cast<std::uint64_t>(options_.crowd) <
                                                       static_cast<std::uint64_t>(options_.copies);
        if (copy && arrived() < options_.copies) {
          copies.push_back(std::make_unique<Recorder>(copies.empty()));
          if (auto id = (*engine)->submit(request_, *copies.back()); !id) return id.error();
        } else if (strangers < options_.crowd) {
          ++strangers;
          if (auto id = (*engine)->submit(stranger(), passer); !id) return id.error();
        }
      }
      (*engine)->step();
    }
    fmt::print("\n");
    return verdict(alone, copies, (*engine)->stats());
  }

  bool verdict(const Recorder& alone, const std::vector<std::unique_ptr<Recorder>>& copies,
               const EngineStats& stats) const {
    std::map<std::string, int> digests{{alone.digest(), 1}}, texts{{alone.text(), 1}};
    std::int64_t most = 0;
    for (const auto& copy : copies) {
      ++digests[copy->digest()];
      ++texts[copy->text()];
      most = std::max(most, copy->finish()->witness.most_sequences);
    }
    bool same = digests.size() == 1 && texts.size() == 1;
    fmt::print("\n--- verdict ---\n");
    fmt::print("answers            {} alone, {} in the crowd\n", 1, copies.size());
    fmt::print("distinct texts     {}\n", texts.size());
    fmt::print("distinct logits    {}   ({} bits compared in each)\n", digests.size(),
               alone.logits().size() * 32);
    fmt::print("logits-sha256      {}\n", alone.digest());
    fmt::print("largest crowd      {} requests, {} rows in one step\n", most, stats.most_rows);
    fmt::print("{}\n", same ? "One request, one answer." : "DIFFERENT: this is a bug; please report it.");
    return same;
  }

  GenerateRequest stranger() {
    const ModelConfig& config = loaded_.model->config();
    auto draw = [&](std::int64_t below) {
      return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
    };
    GenerateRequest request;
    request.prompt.resize(static_cast<std::size_t>(1 + draw(config.context_length / 4)));
    for (std::int32_t& token : request.prompt) token = static_cast<std::int32_t>(draw(config.vocab_size));
    request.max_tokens = 1 + draw(config.context_length / 4);
    request.sampling.seed = random_();
    return request;
  }

  Result<std::unique_ptr<Engine>> make_engine(std::int64_t sequences) const {
    std::int64_t tokens = std::max(loaded_.model->config().context_length / 2,
                                   static_cast<std::int64_t>(request_.prompt.size()) + request_.max_tokens);
    EngineOptions engine;
    engine.schedule.max_sequences = sequences;
    engine.schedule.max_step_tokens = std::max<std::int64_t>(256, 2 * sequences);
    engine.schedule.max_logits_rows = engine.schedule.max_step_tokens;
    engine.kv_pages = sequences * (tokens / kPageTokens + 2);
    return Engine::create(*loaded_.model, *loaded_.backend, loaded_.tokenizer.get(), engine);
  }

  LoadedModel& loaded_;
  const Options& options_;
  std::mt19937_64 random_;
  GenerateRequest request_;
};

int demo(Options& options) {
  TemporaryModel temporary;
  if (options.model.model.empty()) {
    fmt::print(
        "No model given (-m): making a small one with seeded random weights. It writes nonsense, in "
        "order.\n");
    if (Status written = write_demo_model(temporary); !written) return complain(written.error());
    options.model.model = temporary.path;
    options.model.no_cache = true;
  }
  auto loaded = open_model(options.model);
  if (loaded == nullptr) return 1;
  fmt::print("model {}, backend {}, {} threads\n", loaded->checkpoint.path, loaded->backend->name(),
             loaded->backend->threads());
  auto same = Demo(*loaded, options)();
  if (!same) return complain(same.error());
  return *same ? 0 : 1;
}

}  // namespace

void add_demo(CLI::App& app, std::function<int()>& action) {
  auto options = std::make_shared<Options>();
  add_model_flags(app, options->model);
  flag(app, "-p,--prompt", options->prompt, "The prompt");
  flag(app, "-n,--max-tokens", options->max_tokens, "Tokens of the answer")->check(CLI::PositiveNumber);
  flag(app, "--crowd", options->crowd, "Other requests, with random prompts and lengths")
      ->check(CLI::Range(1, 10000));
  flag(app, "--copies", options->copies, "How often the request is repeated among them")
      ->check(CLI::Range(1, 1000));
  flag(app, "--seed", options->seed, "Seed of the answer, the crowd and the moments of arrival");
  app.footer(
      "Examples:\n"
      "  verbatim demo\n"
      "  verbatim demo -m model.gguf -p \"Once upon a time\" --crowd 100 --copies 20");
  app.callback([options, &action] { action = [options] { return demo(*options); }; });
}

}  // namespace verbatim::app
