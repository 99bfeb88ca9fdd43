// verbatim run: continues a text, streaming it as it becomes certain.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"

namespace verbatim::app {
namespace {

struct Options {
  ModelFlags model;
  TextFlags text;
  std::int64_t max_tokens = 256;
  bool max_tokens_given = false;
  SamplingParams sampling;
  std::int64_t n = 1;
  std::vector<std::string> stop, logit_bias;
  bool ignore_eos = false, no_special = false, parse_special = false, json = false;
};

// Collects answers; with one answer, prints it as it comes.
class Printer final : public TokenSink {
 public:
  Printer(std::int64_t n, bool stream)
      : texts_(static_cast<std::size_t>(n)), finishes_(texts_.size()), stream_(stream) {}

  void on_token(const TokenEvent& event) override { add(event.choice, event.text); }
  void on_finish(const Finish& finish) override {
    add(finish.choice, finish.text);
    finishes_[static_cast<std::size_t>(finish.choice)] = finish;
  }
  const std::vector<std::string>& texts() const { return texts_; }
  const std::vector<Finish>& finishes() const { return finishes_; }

 private:
  void add(std::int64_t choice, const std::string& text) {
    texts_[static_cast<std::size_t>(choice)] += text;
    if (!stream_) return;
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }

  std::vector<std::string> texts_;
  std::vector<Finish> finishes_;
  bool stream_;
};

std::string_view name_of(FinishReason reason) {
  constexpr std::string_view names[] = {"stop", "length", "cancelled", "error"};
  return names[static_cast<int>(reason)];
}

// "15043:-100" -> (15043, -100)
Result<std::pair<std::int32_t, float>> parse_bias(const std::string& text) {
  std::int32_t token = 0;
  float bias = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%d:%f%n", &token, &bias, &used) != 2 ||
      static_cast<std::size_t>(used) != text.size()) {
    return fail("--logit-bias '{}' is not TOKEN:BIAS, such as 15043:-100", text);
  }
  return std::pair(token, bias);
}

Result<GenerateRequest> make_request(const LoadedModel& loaded, const Options& options,
                                     const std::string& text) {
  auto prompt = loaded.tokenizer->encode(text, {!options.no_special, options.parse_special});
  if (!prompt) return prompt.error();
  if (prompt->empty())
    return fail("the text is empty and the model adds no token of its own: nothing to continue");
  GenerateRequest request;
  request.prompt = *std::move(prompt);
  request.max_tokens = options.max_tokens;
  if (!options.max_tokens_given) {  // the default ends where the model's context ends
    auto room = loaded.model->config().context_length - static_cast<std::int64_t>(request.prompt.size());
    request.max_tokens = std::min(request.max_tokens, std::max<std::int64_t>(room, 1));
  }
  request.n = options.n;
  request.sampling = options.sampling;
  for (const std::string& bias : options.logit_bias) {
    auto parsed = parse_bias(bias);
    if (!parsed) return parsed.error();
    request.sampling.logit_bias.push_back(*parsed);
  }
  request.stop_strings = options.stop;
  request.ignore_eos = options.ignore_eos;
  return request;
}

void print_json(const LoadedModel& loaded, const GenerateRequest& request, const Printer& printer) {
  nlohmann::json choices = nlohmann::json::array();
  for (std::size_t i = 0; i < printer.texts().size(); ++i) {
    const Finish& finish = printer.finishes()[i];
    choices.push_back(
        {{"text", printer.texts()[i]}, {"finish_reason", name_of(finish.reason)}, {"tokens", finish.tokens}});
  }
  const SamplingParams& s = request.sampling;
  nlohmann::json out = {{"choices", choices},
                        {"prompt_tokens", request.prompt.size()},
                        {"effective",
                         {{"max_tokens", request.max_tokens},
                          {"temperature", s.temperature},
                          {"top_k", s.top_k},
                          {"top_p", s.top_p},
                          {"min_p", s.min_p},
                          {"repetition_penalty", s.repetition_penalty},
                          {"frequency_penalty", s.frequency_penalty},
                          {"presence_penalty", s.presence_penalty},
                          {"seed", s.seed}}},
                        {"fingerprint", loaded.fingerprint}};
  std::puts(out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

int run(const Options& options) {
  auto text = read_text(options.text);
  if (!text) return complain(text.error());
  auto loaded = open_model(options.model);
  if (loaded == nullptr) return 1;
  auto request = make_request(*loaded, options, *text);
  if (!request) return complain(request.error());

  auto tokens = static_cast<std::int64_t>(request->prompt.size()) + request->max_tokens;
  EngineOptions engine_options;
  engine_options.schedule.max_sequences = std::min(options.n, engine_options.schedule.max_sequences);
  engine_options.kv_pages = options.n * (tokens / kPageTokens + 2);
  auto engine = Engine::create(*loaded->model, *loaded->backend, loaded->tokenizer.get(), engine_options);
  if (!engine) return complain(engine.error());

  bool stream = !options.json && options.n == 1;
  Printer printer(options.n, stream);
  if (auto id = (*engine)->submit(*request, printer); !id) return complain(id.error());
  if (stream) std::fputs(text->c_str(), stdout);
  while (!(*engine)->idle()) (*engine)->step();

  if (options.json) {
    print_json(*loaded, *request, printer);
  } else if (stream) {
    std::puts("");
  } else {
    for (std::size_t i = 0; i < printer.texts().size(); ++i) {
      fmt::print("--- {} ({})\n{}{}\n", i, name_of(printer.finishes()[i].reason), *text, printer.texts()[i]);
    }
  }
  for (const Finish& finish : printer.finishes()) {
    if (finish.reason == FinishReason::error) return complain(Error{finish.message});
  }
  return 0;
}

}  // namespace

void add_run(CLI::App& app, std::function<int()>& action) {
  auto options = std::make_shared<Options>();
  SamplingParams& s = options->sampling;
  s.temperature = 0.7f;
  add_model_flags(app, options->model);
  add_text_flags(app, options->text);
  CLI::Option* max_tokens = flag(app, "-n,--max-tokens", options->max_tokens,
                                 "Tokens to add at most; the default also ends with the context");
  flag(app, "--temperature", s.temperature, "0 always takes the most likely token")
      ->check(CLI::NonNegativeNumber);
  flag(app, "--top-k", s.top_k, "Draw from the K most likely tokens; 0 is all")
      ->check(CLI::NonNegativeNumber);
  flag(app, "--top-p", s.top_p, "Draw from the most likely tokens that together have this probability");
  flag(app, "--min-p", s.min_p, "Draw from tokens at least this likely, relative to the most likely one");
  flag(app, "--repetition-penalty", s.repetition_penalty,
       "Divides the logits of tokens seen before; 1 is none");
  flag(app, "--frequency-penalty", s.frequency_penalty, "Subtracted for each time a token was generated");
  flag(app, "--presence-penalty", s.presence_penalty, "Subtracted once from tokens that were generated");
  flag(app, "--logit-bias", options->logit_bias, "TOKEN:BIAS added to a token's logit; may be repeated");
  flag(app, "--seed", s.seed, "Seed of the draws: the same seed gives the same text");
  flag(app, "-N,--choices", options->n, "Number of answers, each from its own random stream")
      ->check(CLI::Range(1, 64));
  flag(app, "--stop", options->stop, "Text that ends the answer and is left out of it; may be repeated");
  boolean(app, "--ignore-eos", options->ignore_eos, "The model's end token does not end the answer");
  boolean(app, "--no-special", options->no_special, "Do not put the BOS token before the text");
  boolean(app, "--parse-special", options->parse_special,
          "Special tokens spelled out in the text become tokens");
  boolean(app, "--json", options->json, "Answers, parameters in effect and fingerprint as JSON");
  app.footer(
      "Examples:\n"
      "  verbatim run -p \"Once upon a time\"\n"
      "  verbatim run -m model.gguf -f prompt.txt -n 64 --temperature 0.8 --top-p 0.95 --seed 7\n"
      "  verbatim run -m model.gguf -p \"Dear diary\" -N 3 --temperature 1 --json");
  app.callback([options, max_tokens, &action] {
    options->max_tokens_given = max_tokens->count() > 0;
    action = [options] { return run(*options); };
  });
}

}  // namespace verbatim::app
