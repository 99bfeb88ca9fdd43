// verbatim demo: one request alone, then again and again at random moments among others that come and go; every
// logit of every answer compared by its SHA-256.
#include <cstdio>
#include <map>
#include <random>

#include "backend/list.h"
#include "base/sha256.h"
#include "command.h"

namespace verbatim::app {
namespace {

constexpr std::size_t kColumns = 78;
constexpr std::int64_t kLongestPrompt = 300;  // tokens of a stranger's prompt
constexpr std::int64_t kShown = 12;           // strangers whose answers are shown

// How strangers begin, until there are answers for others to go on from.
constexpr const char* kOpenings[] = {
    "Once upon a time there was a miller",
    "The old woman in the wood",
    "\"Who is there?\" asked the giant",
    "There was once a king whose daughter",
    "A Fox and a Crow",
    "In the middle of the night the wind",
    "The youngest brother set out",
    "Dorothy looked around her and",
    "Long ago, beside the sea, lived a fisherman",
    "The Queen was very angry, for",
    "'Little bird,' said the boy,",
    "On the top of the hill stood a castle",
};

struct DemoFlags {
  ModelFlags model;
  std::string prompt = "Once upon a time";
  std::int64_t max_tokens = 120, crowd = 100, copies = 12;
  std::uint64_t seed = 0;
};

// Prints words as they come, in lines of at most kColumns.
class WrappedText {
 public:
  void add(std::string_view text) {
    for (char c : text) {
      if (c != ' ' && c != '\n') {
        word_ += c;
        continue;
      }
      put_word();
      if (c == '\n' && column_ > 0) end_line();
    }
  }
  void finish() {
    put_word();
    if (column_ > 0) end_line();
  }

 private:
  void put_word() {
    if (word_.empty()) return;
    if (column_ > 0 && column_ + 1 + word_.size() > kColumns) end_line();
    fmt::print("{}{}", column_ == 0 ? "  " : " ", word_);
    column_ += (column_ == 0 ? 2 : 1) + word_.size();
    word_.clear();
    std::fflush(stdout);
  }
  void end_line() {
    std::puts("");
    column_ = 0;
  }
  std::string word_;
  std::size_t column_ = 0;
};

// The beginning of a text on one line; cut between characters.
std::string abridged(std::string text, std::size_t columns) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (text.size() <= columns) return text;
  std::size_t end = columns - 2;
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "..";
}

// An answer as it grows: its text, its tokens, and a digest of every row of logits that a token was drawn from.
class Answer final : public TokenSink {
 public:
  Answer(WrappedText* shown, std::function<void(const Answer&)> when_done)
      : shown_(shown), when_done_(std::move(when_done)) {}

  void on_logits(std::int64_t, std::int64_t, std::span<const float> row) override {
    sha_.update(row.data(), row.size_bytes());
    bits_ += static_cast<std::int64_t>(8 * row.size_bytes());
  }
  void on_token(const TokenEvent& event) override {
    tokens_.push_back(event.token);
    add(event.text);
  }
  void on_finish(const Finish& finish) override {
    add(finish.text);
    finish_ = finish;
    digest_ = sha_.hex();
    if (when_done_) when_done_(*this);
  }

  const std::string& text() const { return text_; }
  const std::vector<std::int32_t>& tokens() const { return tokens_; }
  const Finish& finish() const { return *finish_; }
  const std::string& digest() const { return digest_; }
  std::int64_t bits() const { return bits_; }

 private:
  void add(const std::string& text) {
    text_ += text;
    if (shown_ != nullptr) shown_->add(text);
  }
  WrappedText* shown_;
  std::function<void(const Answer&)> when_done_;
  Sha256 sha_;
  std::string text_, digest_;
  std::vector<std::int32_t> tokens_;
  std::optional<Finish> finish_;
  std::int64_t bits_ = 0;
};

class Demo {
 public:
  Demo(LoadedModel& loaded, const DemoFlags& options)
      : loaded_(loaded), options_(options), random_(options.seed) {}

  // Whether all answers were the same.
  Result<bool> operator()() {
    for (const char* opening : kOpenings) {
      auto tokens = loaded_.tokenizer->encode(opening, {});
      if (!tokens) return tokens.error();
      beginnings_.push_back(*std::move(tokens));
    }
    auto prompt = loaded_.tokenizer->encode(options_.prompt, {});
    if (!prompt) return prompt.error();
    request_.prompt = *std::move(prompt);
    request_.prompt_from = static_cast<std::int64_t>(request_.prompt.size()) - 1;
    request_.max_tokens = std::min(options_.max_tokens, context() - request_.prompt_from - 1);
    request_.logits = true;
    request_.sampling.temperature = 0.8f;
    request_.sampling.seed = options_.seed;
    if (Status alone = answer_alone(); !alone) return alone.error();
    if (Status crowd = answer_in_crowd(); !crowd) return crowd.error();
    return verdict();
  }

 private:
  std::int64_t context() const { return loaded_.model->config().context_length; }
  std::int64_t draw(std::int64_t below) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
  }

  Result<std::unique_ptr<Engine>> make_engine(std::int64_t sequences, std::int64_t pages) const {
    EngineOptions engine;
    engine.schedule.max_sequences = sequences;
    engine.schedule.max_step_tokens = std::max<std::int64_t>(256, 2 * sequences);
    engine.schedule.max_logits_rows = engine.schedule.max_step_tokens;
    engine.kv_pages = pages;
    return Engine::create(*loaded_.model, loaded_.tokenizer.get(), engine);
  }
  static std::int64_t pages_for(std::int64_t tokens) { return tokens / kPageTokens + 2; }

  Status answer_alone() {
    auto engine = make_engine(1, pages_for(request_.prompt_from + 1 + request_.max_tokens));
    if (!engine) return engine.error();
    fmt::print("\nOne request, alone:\n\n");
    WrappedText text;
    text.add(options_.prompt);
    Answer& answer = *copies_.emplace_back(std::make_unique<Answer>(&text, nullptr));
    if (auto id = (*engine)->submit(request_, answer); !id) return id.error();
    while (!(*engine)->idle()) (*engine)->step();
    text.finish();
    return {};
  }

  // Copies of the request arrive at random moments between strangers. There is memory for half of them at a
  // time: some wait, and some lose their cache and compute it again.
  Status answer_in_crowd() {
    std::int64_t all = options_.crowd + options_.copies;
    std::int64_t longest =
        std::min(context(), std::max(kLongestPrompt, request_.prompt_from) + request_.max_tokens);
    auto engine = make_engine(all, std::max(pages_for(longest), all / 2));
    if (!engine) return engine.error();
    fmt::print(
        "\nThe same request {} times (=) among {} others, of which some are shown:\n\n   step  crowd\n",
        options_.copies, options_.crowd);
    while (to_come() > 0 || !(*engine)->idle()) {
      for (std::int64_t arrivals = draw(3); arrivals > 0 && to_come() > 0; --arrivals) {
        bool copy = draw(to_come()) < options_.copies - arrived_copies();
        if (Status status = copy ? submit_copy(**engine) : submit_stranger(**engine); !status) return status;
      }
      (*engine)->step();
    }
    stats_ = (*engine)->stats();
    return {};
  }

  std::int64_t arrived_copies() const { return static_cast<std::int64_t>(copies_.size()) - 1; }
  std::int64_t to_come() const {
    return options_.crowd + options_.copies - arrived_copies() - static_cast<std::int64_t>(strangers_.size());
  }

  static void show(const Engine& engine, char mark, const std::string& prompt, const Answer& answer) {
    std::string line =
        fmt::format("{:>7}  {:>5}  {} ", engine.stats().steps + 1, engine.stats().running, mark);
    fmt::print("{}{}\n", line, abridged(prompt + answer.text(), kColumns - line.size()));
    std::fflush(stdout);
  }

  Status submit_copy(Engine& engine) {
    auto done = [this, &engine](const Answer& answer) { show(engine, '=', options_.prompt, answer); };
    copies_.push_back(std::make_unique<Answer>(nullptr, done));
    auto id = engine.submit(request_, *copies_.back());
    return id ? Status() : Status(id.error());
  }

  // A prompt of any length from what others have told so far, some temperature, any length.
  Status submit_stranger(Engine& engine) {
    GenerateRequest request;
    request.prompt =
        beginnings_[static_cast<std::size_t>(draw(static_cast<std::int64_t>(beginnings_.size())))];
    std::int64_t room =
        std::min({kLongestPrompt, context() / 2, static_cast<std::int64_t>(request.prompt.size())});
    request.prompt.resize(static_cast<std::size_t>(std::min(room, 5 + draw(room))));
    request.max_tokens = 1 + draw(std::min(2 * request_.max_tokens, context() / 2));
    request.sampling.temperature = 0.25f * static_cast<float>(draw(5));
    request.sampling.seed = random_();
    bool shown = static_cast<std::int64_t>(strangers_.size()) % (options_.crowd / kShown + 1) == 0;
    auto done = [this, &engine, shown, prompt = request.prompt](const Answer& answer) {
      if (shown) show(engine, ' ', loaded_.tokenizer->decode(prompt, {}), answer);
      std::vector<std::int32_t> told = prompt;
      told.insert(told.end(), answer.tokens().begin(), answer.tokens().end());
      beginnings_.push_back(std::move(told));
    };
    strangers_.push_back(std::make_unique<Answer>(nullptr, done));
    auto id = engine.submit(std::move(request), *strangers_.back());
    return id ? Status() : Status(id.error());
  }

  bool verdict() const {
    std::map<std::string, int> answers;
    std::int64_t most = 0, bits = 0;
    for (const auto& copy : copies_) {
      ++answers[copy->digest() + copy->text()];
      most = std::max(most, copy->finish().witness.most_sequences);
      bits += copy->bits();
    }
    bool same = answers.size() == 1;
    fmt::print("\nanswers           {}: 1 alone, {} in the crowd\n", copies_.size(), arrived_copies());
    fmt::print("distinct answers  {}\n", answers.size());
    fmt::print("bits compared     {:.1f} million: every logit of {} tokens, {} times\n",
               static_cast<double>(bits) / 1e6, copies_[0]->tokens().size(), copies_.size());
    fmt::print("logits-sha256     {}\n", copies_[0]->digest());
    fmt::print("largest crowd     {} requests in one step; {} preempted and computed again\n", most,
               stats_.schedule.preemptions);
    bool promised = loaded_.backend->name() != control_group().name;
    fmt::print("\n{}\n", same       ? "One request, one answer."
                         : promised ? "DIFFERENT: this is a bug; please report it."
                                    : "One request, several answers: the control group promises nothing.");
    return same;
  }

  LoadedModel& loaded_;
  const DemoFlags& options_;
  std::mt19937_64 random_;
  GenerateRequest request_;
  std::vector<std::vector<std::int32_t>> beginnings_;        // of stories, in tokens
  std::vector<std::unique_ptr<Answer>> copies_, strangers_;  // copies_[0] was alone
  EngineStats stats_;
};

int demo(const DemoFlags& options) {
  auto loaded = open_model(options.model);
  if (loaded == nullptr) return 1;
  fmt::print("{}: fingerprint {}..., backend {}, {} threads\n", loaded->checkpoint.path,
             loaded->fingerprint.substr(0, 16), loaded->backend->name(), loaded->backend->threads());
  auto same = Demo(*loaded, options)();
  if (!same) return complain(same.error());
  return *same ? 0 : 1;
}

}  // namespace

void add_demo(CommandLine line) {
  auto options = std::make_shared<DemoFlags>();
  add_model_flags(line, options->model);
  line.flag("-p,--prompt", options->prompt, "The prompt");
  line.flag("-n,--max-tokens", options->max_tokens, "Tokens of the answer").at_least(1);
  line.flag("--crowd", options->crowd, "Other requests, with random prompts, temperatures and lengths")
      .between(1, 10000);
  line.flag("--copies", options->copies, "How often the request is repeated among them").between(1, 1000);
  line.flag("--seed", options->seed, "Seed of the answer, the crowd and the moments of arrival");
  line.footer(
      "Examples:\n"
      "  verbatim demo\n"
      "  verbatim demo -m model.gguf -p \"Once upon a time\" --crowd 400 --copies 40 --seed 7");
  line.run([options] { return demo(*options); });
}

}  // namespace verbatim::app
