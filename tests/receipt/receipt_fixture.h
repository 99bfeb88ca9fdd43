// Requests of every kind to a tiny model, and the receipts of their answers.
#pragma once

#include <map>
#include <memory>
#include <ostream>
#include <random>

#include "engine/engine.h"
#include "json/library.h"
#include "load/json_file.h"
#include "receipt/receipt_maker.h"
#include "receipt/signer.h"
#include "receipt/verify.h"
#include "tiny_model.h"

namespace verbatim {

using nlohmann::ordered_json;

inline LoadedModel& tiny_model() {
  static const std::unique_ptr<LoadedModel> model = load_tiny_model();
  return *model;
}

// Takes what a sink is given, and keeps the receipts by choice.
class ReceiptSink : public TokenSink {
 public:
  ReceiptSink(const LoadedModel& loaded, const GenerateRequest& request)
      : maker_("1.2.3", loaded.fingerprint, request) {}
  void on_hidden(std::int64_t choice, std::int64_t position, const Sha256Digest& digest) override {
    maker_.on_hidden(choice, position, digest);
    hidden[{choice, position}] = digest;
  }
  void on_token(const TokenEvent& event) override {
    maker_.on_token(event);
    text[event.choice] += event.text;
  }
  void on_finish(const Finish& f) override {
    CHECK(f.reason != FinishReason::error, "{}", f.message);
    text[f.choice] += f.text;
    witness[f.choice] = f.witness;
    receipts.emplace(f.choice, maker_.on_finish(f));
  }

  std::map<std::int64_t, Receipt> receipts;
  std::map<std::int64_t, std::string> text;
  std::map<std::int64_t, Witness> witness;
  std::map<std::pair<std::int64_t, std::int64_t>, Sha256Digest> hidden;  // choice, position

 private:
  ReceiptMaker maker_;
};

inline std::shared_ptr<const Constraint> tiny_constraint(const char* schema) {
  static const auto vocabulary = std::make_shared<const TokenTrie>(*tiny_model().tokenizer);
  auto made = Constraint::json_schema(ordered_json::parse(schema), vocabulary);
  CHECK(made.ok(), "{}", made.error().message);
  return *made;
}

// A request in which every parameter says something.
inline GenerateRequest rich_request(std::mt19937& random) {
  auto below = [&](std::uint32_t n) { return static_cast<std::int32_t>(random() % n); };
  GenerateRequest r;
  for (int i = 1 + below(200); i > 0; --i) r.prompt.push_back(below(300));
  r.max_tokens = 1 + below(60);
  r.sampling.temperature = below(4) == 0 ? 0.0f : 0.3f + 0.1f * static_cast<float>(below(20));
  r.sampling.top_k = below(3) * 40;
  r.sampling.top_p = below(2) == 0 ? 1.0f : 0.9f;
  r.sampling.min_p = below(3) == 0 ? 0.01f : 0.0f;
  r.sampling.repetition_penalty = below(3) == 0 ? 1.2f : 1.0f;
  r.sampling.frequency_penalty = below(3) == 0 ? 0.3f : 0.0f;
  r.sampling.presence_penalty = below(3) == 0 ? -0.2f : 0.0f;
  if (below(2) == 0) r.sampling.logit_bias = {{200 + below(50), -3.0f}, {below(100), 1.5f}};
  r.sampling.seed = std::uint64_t{random()} << 32 | random();
  if (below(3) == 0) r.stop_tokens = {below(300), below(300), below(300)};
  if (below(3) == 0) r.stop_strings = {"e", "th", "\xC3\xA9"};
  r.ignore_eos = below(2) == 0;
  r.skip_special = below(4) != 0;
  if (below(4) == 0) r.constraint = tiny_constraint(R"({"type":"object"})");
  if (below(5) == 0) r.constraint = tiny_constraint(R"({"enum":["yes","no",null]})");
  r.hidden = true;
  return r;
}

// The receipt of a request's choice 0, computed alone.
inline std::unique_ptr<ReceiptSink> answer_alone(LoadedModel& loaded, const GenerateRequest& request) {
  EngineOptions options;
  options.kv_pages = 20;
  auto engine = Engine::create(*loaded.model, loaded.tokenizer.get(), options);
  CHECK(engine.ok(), "{}", engine.error().message);
  auto sink = std::make_unique<ReceiptSink>(loaded, request);
  auto id = (*engine)->submit(request, *sink);
  CHECK(id.ok(), "{}", id.error().message);
  while (!(*engine)->idle()) (*engine)->step();
  return sink;
}

inline SavedReceipt saved(Receipt receipt) { return {"receipt", std::move(receipt)}; }

inline Verdict verify_one(LoadedModel& loaded, const SavedReceipt& receipt,
                          const VerifyOptions& options = {}) {
  return verify_receipts(loaded, std::span(&receipt, 1), options).front();
}
inline Verdict verify_text(LoadedModel& loaded, const std::string& text, const VerifyOptions& options = {}) {
  auto json = parse_json(text, "receipt");
  CHECK(json.ok(), "{}", json.error().message);
  return verify_one(loaded, {"receipt", read_receipt(*json, "receipt")}, options);
}

// The receipt with links and head that fit it, as one can write them who has the model.
// hidden: (tokens), of the row before each
inline Receipt forge(Receipt receipt, const std::vector<Sha256Digest>& hidden) {
  ReceiptChain chain(kReceiptFormat);
  for (const ReceiptEntry& entry : request_entries(receipt)) chain.add(entry.text);
  for (std::size_t i = 0; i < receipt.tokens.size(); ++i)
    chain.add(token_entry(static_cast<std::int64_t>(receipt.request.prompt.size() + i), receipt.tokens[i],
                          hidden.at(i)));
  chain.add(finish_entry(receipt));
  receipt.links = chain.links();
  receipt.head = chain.head();
  return receipt;
}

inline std::vector<Sha256Digest> hidden_of(const ReceiptSink& sink) {
  std::vector<Sha256Digest> all;
  for (const auto& [place, digest] : sink.hidden) all.push_back(digest);
  return all;
}

inline Receipt signed_receipt(Receipt receipt) {
  receipt.signature = signer().sign(text_to_sign(receipt));
  return receipt;
}

// For GoogleTest.
inline void PrintTo(Verdict::Outcome outcome, std::ostream* out) {
  constexpr const char* kNames[] = {"valid", "invalid", "not verified"};
  *out << kNames[static_cast<int>(outcome)];
}

}  // namespace verbatim
