#include "receipt/verify.h"

#include <algorithm>
#include <map>

#include "backend/list.h"
#include "engine/engine.h"
#include "json/library.h"
#include "json/reader.h"
#include "receipt/replay.h"
#include "receipt/signing.h"
#include "spec/version.h"

namespace verbatim {
namespace {

using Outcome = Verdict::Outcome;

Verdict verdict_of(Outcome outcome, std::string what, std::string sentence) {
  return {outcome, std::move(what), {}, std::move(sentence), 0, 0};
}

// The request's entries chained, and which of them is the first that the receipt's links do not confirm.
struct RequestChain {
  ReceiptChain chain{kReceiptFormat};
  std::optional<std::string> differing;  // key; "links": it is the link that was changed
};

RequestChain chain_request(const Receipt& receipt) {
  RequestChain made;
  bool came_back = false;
  for (const ReceiptEntry& entry : request_entries(receipt)) {
    const std::size_t at = made.chain.links().size();
    made.chain.add(entry.text);
    const bool same = receipt.links.compare(std::min(at, receipt.links.size()), ReceiptChain::kLinkDigits,
                                            made.chain.links(), at, ReceiptChain::kLinkDigits) == 0;
    came_back |= same && made.differing;
    if (!same && !made.differing) made.differing = entry.name;
  }
  if (came_back) made.differing = "links";
  return made;
}

// Schemas compiled for this model, each once.
class Schemas {
 public:
  explicit Schemas(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  Result<std::shared_ptr<const Constraint>> constraint(const std::string& text) {
    if (auto found = made_.find(text); found != made_.end()) return found->second;
    auto schema = parse_ordered_json(text, "request.schema");
    if (!schema) return schema.error();
    if (vocabulary_ == nullptr) vocabulary_ = std::make_shared<const TokenTrie>(tokenizer_);
    auto made = Constraint::json_schema(*schema, vocabulary_);
    if (!made) return fail("request.schema: {}", made.error().message);
    return made_[text] = *made;
  }

 private:
  const Tokenizer& tokenizer_;
  std::shared_ptr<const TokenTrie> vocabulary_;
  std::map<std::string, std::shared_ptr<const Constraint>> made_;
};

// What a request must be for any engine with this model to have taken it.
Status check_request(const Receipt& r, const ModelConfig& config) {
  const GenerateRequest& request = r.request;
  auto in_vocabulary = [&](std::int32_t token) { return token >= 0 && token < config.vocab_size; };
  if (request.prompt.empty()) return fail("request.prompt is empty");
  if (!std::ranges::all_of(request.prompt, in_vocabulary))
    return fail("request.prompt holds a token that the vocabulary of {} has not", config.vocab_size);
  if (!std::ranges::all_of(r.tokens, in_vocabulary))
    return fail("answer.tokens holds a token that the vocabulary of {} has not", config.vocab_size);
  const auto prompt = static_cast<std::int64_t>(request.prompt.size());
  if (request.max_tokens > config.context_length - prompt)
    return fail("request.max_tokens is {}, with a prompt of {} tokens more than the model's context of {}",
                request.max_tokens, prompt, config.context_length);
  if (request.min_tokens > request.max_tokens)
    return fail("request.min_tokens is {}, more than request.max_tokens, which is {}", request.min_tokens,
                request.max_tokens);
  if (static_cast<std::int64_t>(r.tokens.size()) > request.max_tokens)
    return fail("answer.tokens holds {} tokens, more than request.max_tokens", r.tokens.size());
  for (const std::optional<std::int64_t>& count : {request.logprobs, request.prompt_logprobs})
    if (count.value_or(0) > config.vocab_size)
      return fail("show.parameters ask for the log-probabilities of {} tokens of {}", *count,
                  config.vocab_size);
  if (Status sampling = check_sampling(request.sampling, config.vocab_size); !sampling.ok())
    return fail("request.{}", sampling.error().message);
  return {};
}

class Verification {
 public:
  Verification(LoadedModel& loaded, std::span<const SavedReceipt> saved, const VerifyOptions& options)
      : loaded_(loaded),
        config_(loaded.model->config()),
        saved_(saved),
        options_(options),
        schemas_(*loaded.tokenizer),
        drawer_(loaded.backend->logits_math(), config_.vocab_size),
        verdicts_(saved.size()),
        replays_(saved.size()) {}

  std::vector<Verdict> run() {
    for (std::size_t i = 0; i < saved_.size(); ++i) {
      if (auto early = prepare(i)) verdicts_[i] = std::move(*early);
    }
    compute();
    for (std::size_t i = 0; i < saved_.size(); ++i) {
      if (replays_[i] != nullptr) verdicts_[i] = judge(*saved_[i].receipt, *replays_[i]);
      if (!saved_[i].receipt) continue;
      verdicts_[i].prompt_tokens = static_cast<std::int64_t>(saved_[i].receipt->request.prompt.size());
      verdicts_[i].tokens = static_cast<std::int64_t>(saved_[i].receipt->tokens.size());
    }
    return std::move(verdicts_);
  }

 private:
  // What can be said before anything is computed; else there is a replay.
  std::optional<Verdict> prepare(std::size_t i) {
    if (!saved_[i].receipt)
      return verdict_of(Outcome::not_verified, "receipt", saved_[i].receipt.error().message);
    if (!keeps_contract(loaded_.backend->name()))
      return verdict_of(Outcome::not_verified, "backend",
                        fmt::format("the backend {} promises no bits, so it cannot compute them again",
                                    loaded_.backend->name()));
    const Receipt& receipt = *saved_[i].receipt;
    RequestChain chain = chain_request(receipt);
    if (chain.differing) return differing_request(receipt, *chain.differing);
    if (receipt.fingerprint != loaded_.fingerprint)
      return verdict_of(
          Outcome::not_verified, "fingerprint",
          fmt::format("it was made by a model with fingerprint {}, this one has {}; give that "
                      "model by -m, with the same --weights, --activations, --kv, --date, "
                      "--chat-template and --generation-config, to a program of its contract "
                      "(it was made by version {}; this one has contract {})",
                      receipt.fingerprint, loaded_.fingerprint, receipt.version, spec::kContractVersion));
    if (Status status = check_request(receipt, config_); !status.ok()) return impossible(status.error());
    std::shared_ptr<const Constraint> constraint;
    if (receipt.schema) {
      auto made = schemas_.constraint(*receipt.schema);
      if (!made) return impossible(made.error());
      constraint = *std::move(made);
    }
    replays_[i] = std::make_unique<Replay>(receipt, std::move(constraint), *loaded_.tokenizer, drawer_,
                                           std::move(chain.chain));
    return std::nullopt;
  }

  Verdict differing_request(const Receipt& receipt, const std::string& key) const {
    if (key == "links")
      return verdict_of(Outcome::invalid, key,
                        "a link of the request is not the chain's, those after it are");
    const bool ours = key == "fingerprint" && receipt.fingerprint != loaded_.fingerprint;
    return verdict_of(Outcome::invalid, key,
                      fmt::format("{} is not what the chain was made with{}", key,
                                  ours ? "; this model's is " + loaded_.fingerprint : ""));
  }

  // error: its sentence begins with the key
  static Verdict impossible(const Error& error) {
    const std::string& sentence = error.message;
    return verdict_of(Outcome::invalid, sentence.substr(0, sentence.find_first_of(" :")), sentence);
  }

  EngineOptions engine_options() const {
    constexpr std::int64_t kLogitsBytes = 64 << 20, kStepTokens = 512;
    const auto row_bytes = config_.vocab_size * static_cast<std::int64_t>(sizeof(float));
    std::int64_t pages = 0, most_pages = 1, count = 0;
    for (const auto& replay : replays_) {
      if (replay == nullptr) continue;
      const auto needed =
          Scheduler::pages_needed(static_cast<std::int64_t>(replay->request().prompt.size())) + 1;
      most_pages = std::max(most_pages, needed);
      pages += needed;
      ++count;
    }
    EngineOptions made;
    made.kv_pages =
        std::max(most_pages, std::min(pages, loaded_.model->kv_shape().pages_in(options_.kv_bytes)));
    made.schedule.max_step_tokens = kStepTokens;
    made.schedule.max_logits_rows = std::clamp<std::int64_t>(kLogitsBytes / row_bytes, 16, kStepTokens);
    made.schedule.max_sequences = std::clamp<std::int64_t>(count, 1, made.schedule.max_logits_rows);
    return made;
  }

  void compute() {
    auto engine = Engine::create(*loaded_.model, loaded_.tokenizer.get(), engine_options());
    CHECK(engine.ok(), "{}", engine.error().message);
    std::map<RequestId, Replay*> open;
    std::int64_t all = 0;
    for (auto& replay : replays_) {
      if (replay == nullptr) continue;
      GenerateRequest request = replay->request();
      all += static_cast<std::int64_t>(request.prompt.size());
      auto id = (*engine)->submit(std::move(request), *replay);
      CHECK(id.ok(), "{}", id.error().message);
      open.emplace(*id, replay.get());
    }
    while (!(*engine)->idle()) {
      (*engine)->step();
      std::erase_if(open, [&](const auto& entry) {
        if (entry.second->decided()) (*engine)->cancel(entry.first);
        return entry.second->decided();
      });
      if (options_.progress) options_.progress(std::min((*engine)->stats().rows, all), all);
    }
    if (options_.progress) options_.progress(all, all);  // what was shared, or not needed, has no rows
  }

  Verdict judge(const Receipt& receipt, Replay& replay) const {
    if (auto difference = replay.outcome())
      return {Outcome::invalid, difference->what, difference->position, difference->sentence, 0, 0};
    if (auto wrong = judge_signature(receipt)) return *wrong;
    Verdict valid;
    valid.answer = replay.replayed();
    valid.sentence = !receipt.signature ? "not signed"
                     : options_.public_key
                         ? "signed by the key given"
                         : "signed by key " + receipt.signature->public_key + ", which nobody vouched for";
    return valid;
  }

  std::optional<Verdict> judge_signature(const Receipt& receipt) const {
    auto invalid = [](std::string sentence) {
      return verdict_of(Outcome::invalid, "signature", std::move(sentence));
    };
    if (!receipt.signature)
      return options_.public_key ? std::optional(invalid("the receipt is not signed")) : std::nullopt;
    if (!is_signature_of(*receipt.signature, text_to_sign(receipt)))
      return invalid("the signature is not of this receipt by this key");
    if (options_.public_key && *options_.public_key != receipt.signature->public_key)
      return invalid(
          fmt::format("it is signed by key {}, not by the key given", receipt.signature->public_key));
    return std::nullopt;
  }

  LoadedModel& loaded_;
  const ModelConfig& config_;
  std::span<const SavedReceipt> saved_;
  const VerifyOptions& options_;
  Schemas schemas_;
  Drawer drawer_;
  std::vector<Verdict> verdicts_;
  std::vector<std::unique_ptr<Replay>> replays_;  // nullptr: its verdict needs none
};

}  // namespace

std::vector<Verdict> verify_receipts(LoadedModel& loaded, std::span<const SavedReceipt> saved,
                                     const VerifyOptions& options) {
  return Verification(loaded, saved, options).run();
}

}  // namespace verbatim
