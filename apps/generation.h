// Generation: what `run` and its conversations share: flags, the request that they ask for, and printing the answer.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "command.h"
#include "receipt/receipt_maker.h"

namespace verbatim::app {

struct GenerationFlags {
  ModelFlags model;
  TextFlags text;
  std::int64_t max_tokens = 256;
  bool max_tokens_given = false;
  SamplingParams sampling;
  std::int64_t n = 1;
  std::vector<std::string> stop, logit_bias;
  bool ignore_eos = false, no_special = false, parse_special = false, json = false;
  bool chat = false;
  std::string system;   // of a conversation; may be empty
  std::string receipt;  // file for the answers' receipts; empty: none
};

// Collects answers; with `stream`, prints them as they come.
class Printer final : public TokenSink {
 public:
  // receipts: to be made, or nullptr; outlives the printer
  Printer(std::int64_t n, bool stream, ReceiptMaker* receipts = nullptr)
      : texts_(static_cast<std::size_t>(n)), finishes_(texts_.size()), stream_(stream), maker_(receipts) {}

  void on_hidden(std::int64_t choice, std::int64_t position, const Sha256Digest& digest) override;
  void on_token(const TokenEvent& event) override;
  void on_finish(const Finish& finish) override;
  const std::vector<std::string>& texts() const { return texts_; }
  const std::vector<Finish>& finishes() const { return finishes_; }
  const std::map<std::int64_t, Receipt>& receipts() const { return receipts_; }  // by choice

 private:
  void add(std::int64_t choice, const std::string& text);

  std::vector<std::string> texts_;
  std::vector<Finish> finishes_;
  bool stream_;
  ReceiptMaker* maker_;
  std::map<std::int64_t, Receipt> receipts_;
};

// The error names the flag, or says that there is nothing to continue.
Result<GenerateRequest> make_request(const LoadedModel& loaded, const GenerationFlags& flags,
                                     const std::string& text, EncodeOptions encode);

// An engine with room for `answers` answers of `tokens` tokens each, prompt included.
Result<std::unique_ptr<Engine>> make_engine(LoadedModel& loaded, std::int64_t answers, std::int64_t tokens);

// Computes the request's answers, or as much of them as there is when `stop` says so after a step. The error: what was
// refused, or how one of them failed.
Status generate(Engine& engine, GenerateRequest request, Printer& printer,
                const std::function<bool()>& stop = {});

// A conversation: one turn, from -p or -f; or as many as there are lines on standard input.
int chat(const GenerationFlags& flags, LoadedModel& loaded);

}  // namespace verbatim::app
