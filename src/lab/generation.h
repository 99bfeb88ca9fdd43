// Generation: how the experiments with a whole model ask for answers and keep them.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "engine/engine.h"
#include "engine/loaded_model.h"

namespace verbatim::lab {

// One answer: its tokens with their log-probabilities, rows of logits where they were asked for, and its end.
class Kept final : public TokenSink {
 public:
  explicit Kept(std::function<void()> when_done = {}) : when_done_(std::move(when_done)) {}
  void on_logits(std::int64_t, std::int64_t, std::span<const float> row) override {
    logits.insert(logits.end(), row.begin(), row.end());
  }
  void on_prompt_token(std::int64_t, const Logprobs& logprob) override { prompt_logprobs.push_back(logprob); }
  void on_token(const TokenEvent& event) override {
    tokens.push_back(event.token);
    if (event.logprobs) logprobs.push_back(*event.logprobs);
    text += event.text;
  }
  void on_finish(const Finish& end) override {
    text += end.text;
    finish = end;
    if (when_done_) when_done_();
  }

  // Why the model cannot compute this; empty: it could.
  std::string error() const { return finish.reason == FinishReason::error ? finish.message : ""; }

  std::vector<std::int32_t> tokens;
  std::vector<Logprobs> logprobs;         // of the tokens
  std::vector<Logprobs> prompt_logprobs;  // of the prompt's tokens but the first
  std::vector<float> logits;              // (rows, vocab)
  std::string text;
  Finish finish;

 private:
  std::function<void()> when_done_;
};

// An engine for `sequences` answers of at most `tokens` tokens together, with chunks of 64 rows beside decode rows.
std::unique_ptr<Engine> make_engine(LoadedModel& model, std::int64_t sequences, std::int64_t tokens);

// `request` alone.
Kept generate_alone(LoadedModel& model, const GenerateRequest& request);

// A neighbour: random tokens as its prompt, random length.
GenerateRequest random_neighbour(const LoadedModel& model, std::mt19937_64& random);

// The prompt's tokens, and a greedy answer with log-probabilities of the two most likely tokens.
GenerateRequest greedy_request(const LoadedModel& model, const std::string& prompt, std::int64_t tokens);

}  // namespace verbatim::lab
