// Receipts made under load verify everywhere; whatever is changed in one is found, and named.
#include "receipt/verify.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <set>

#include "backend/list.h"
#include "receipt/receipt_fixture.h"
#include "receipt/signing.h"
#include "thinning.h"

namespace verbatim {
namespace {

using Json = nlohmann::json;
using Outcome = Verdict::Outcome;

std::vector<Sha256Digest> hidden_of(const ReceiptSink& sink) {
  std::vector<Sha256Digest> all;
  for (const auto& [place, digest] : sink.hidden) all.push_back(digest);
  return all;
}

// ---- under load, on every backend -----------------------------------------------------------------

TEST(Verify, ReceiptsMadeUnderLoadVerifyOnEveryBackend) {
  LoadedModel& loaded = tiny_model();
  std::mt19937 random(1);
  EngineOptions crowded;
  crowded.kv_pages = 7;
  crowded.schedule.max_sequences = 6;
  crowded.schedule.max_step_tokens = 90;
  crowded.schedule.preempt_every = 5;
  auto engine = Engine::create(*loaded.model, *loaded.backend, loaded.tokenizer.get(), crowded);
  ASSERT_TRUE(engine.ok());
  const std::vector<std::int32_t> beginning = rich_request(random).prompt;
  std::vector<GenerateRequest> requests;
  std::vector<std::unique_ptr<ReceiptSink>> sinks;
  for (int i = 0; i < 40; ++i) {
    GenerateRequest r = rich_request(random);
    if (i % 2 == 0) r.prompt.insert(r.prompt.begin(), beginning.begin(), beginning.end());
    r.n = 1 + i % 3;
    if (i % 7 == 0) r.prompt_logprobs = 1;  // rows of the prompt are given too, and are not the answer's
    if (i % 5 == 0) r.max_chunk = 3;
    sinks.push_back(std::make_unique<ReceiptSink>(loaded, r));
    ASSERT_TRUE((*engine)->submit(r, *sinks.back()).ok());
    requests.push_back(std::move(r));
    for (int steps = 0; steps < i % 4; ++steps) (*engine)->step();
  }
  while (!(*engine)->idle()) (*engine)->step();
  const EngineStats stats = (*engine)->stats();
  EXPECT_GT(stats.schedule.preemptions, 10);
  EXPECT_GT(stats.schedule.prefix_hits, 10);
  EXPECT_GT(stats.most_sequences, 3);

  std::vector<SavedReceipt> all;
  std::set<std::string> ends;
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    ASSERT_EQ(sinks[i]->receipts.size(), static_cast<std::size_t>(requests[i].n));
    for (const auto& [choice, receipt] : sinks[i]->receipts)
      if (kept(static_cast<std::int64_t>(i))) all.push_back(saved(receipt));
    for (const auto& [choice, receipt] : sinks[i]->receipts)
      ends.insert(receipt.reason == FinishReason::length ? "length"
                  : receipt.stop_token                   ? "token"
                  : receipt.stop_string                  ? "string"
                                                         : "schema");
    GenerateRequest alone = requests[i];
    alone.n = 1;
    alone.max_chunk = 0;
    EXPECT_EQ(to_json_text(sinks[i]->receipts.at(0)),
              to_json_text(answer_alone(loaded, alone)->receipts.at(0)));
  }
  EXPECT_EQ(ends, (std::set<std::string>{"length", "token", "string", "schema"}));

  for (const std::string& backend : backends_here()) {
    for (int threads : {1, 3}) {
      auto other = load_tiny_model(backend, threads);
      std::vector<Verdict> verdicts = verify_receipts(*other, all, {});
      for (std::size_t i = 0; i < all.size(); ++i)
        EXPECT_EQ(verdicts[i].outcome, Outcome::valid)
            << backend << ", " << threads << " threads, receipt " << i << ": " << verdicts[i].what << ": "
            << verdicts[i].sentence << "\n"
            << to_json_text(*all[i].receipt);
    }
  }
}

// A cache smaller than the receipts together, and a progress that ends.
TEST(Verify, ManyReceiptsShareASmallCache) {
  std::mt19937 random(5);
  std::vector<SavedReceipt> all;
  for (int i = 0; i < 30; ++i)
    all.push_back(saved(answer_alone(tiny_model(), rich_request(random))->receipts.at(0)));
  VerifyOptions options;
  options.kv_bytes = 1;
  std::int64_t last = 0, end = -1;
  options.progress = [&](std::int64_t done, std::int64_t of) {
    EXPECT_LE(last, done);
    last = done, end = of;
  };
  for (const Verdict& verdict : verify_receipts(tiny_model(), all, options))
    EXPECT_EQ(verdict.outcome, Outcome::valid) << verdict.sentence;
  EXPECT_EQ(last, end);
}

// ---- edits ----------------------------------------------------------------------------------------

// What an edit must be called, and where it must be found.
struct Named {
  std::string what;
  std::optional<std::int64_t> position;
};

class Editor {
 public:
  explicit Editor(std::uint32_t seed) : random_(seed) {}

  // Changes something in the receipt.
  Named edit(Json& receipt) {
    const std::vector<std::function<Named(Json&)>> edits = {
        [&](Json& r) {
          return r["version"] = "1.2.4", Named{"version", {}};
        },
        [&](Json& r) {
          return change_hex(r["fingerprint"]), Named{"fingerprint", {}};
        },
        [&](Json& r) { return change_parameter(r["request"]); },
        [&](Json& r) { return change_parameter(r["request"]); },
        [&](Json& r) { return change_parameter(r["request"]); },
        [&](Json& r) { return change_tokens(r); },
        [&](Json& r) { return change_tokens(r); },
        [&](Json& r) { return change_end(r["answer"]); },
        [&](Json& r) {
          return change_hex(r["links"]), Named{"links", {}};
        },
        [&](Json& r) {
          return r["links"] = r["links"].get<std::string>() + "00", Named{"links", {}};
        },
        [&](Json& r) {
          return change_hex(r["head"]), Named{"head", {}};
        },
        [&](Json& r) {
          return change_hex(r["signature"]["value"]), Named{"signature", {}};
        },
        [&](Json& r) {
          return change_hex(r["signature"]["public_key"]), Named{"signature", {}};
        },
        [&](Json& r) {
          return r["signature"] = nullptr, Named{"signature", {}};
        },
    };
    return edits[below(edits.size())](receipt);
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }

  void change_hex(Json& value) {
    auto text = value.get<std::string>();
    char& digit = text[below(text.size())];
    digit = digit == 'f' ? '0' : digit == '9' ? 'a' : static_cast<char>(digit + 1);
    value = text;
  }

  Named change_parameter(Json& request) {
    auto it = request.begin();
    std::advance(it, below(request.size()));
    Json& value = *it;
    if (value.is_boolean()) {
      value = !value.get<bool>();
    } else if (value.is_null()) {
      value = R"({"type":"object"})";
    } else if (it.key() == "seed") {
      value = std::to_string(std::stoull(value.get<std::string>()) ^ std::uint64_t{1} << below(64));
    } else if (it.key() == "schema") {
      value = below(2) == 0 ? Json() : Json(R"({"type":"array"})");
    } else if (it.key() == "stop") {
      value.push_back("zz");
    } else if (it.key() == "logit_bias") {
      value.push_back({299, 0.5});
    } else if (it.key() == "prompt" && below(2) == 0) {
      Json& token = value[below(value.size())];
      token = (token.get<int>() + 1) % 300;
    } else if (value.is_array()) {
      value.push_back(7);
    } else if (value.is_number_integer()) {
      value = value.get<std::int64_t>() + 1;
    } else {  // the next float32, or one that is far away
      const auto x = static_cast<float>(value.get<double>());
      value = static_cast<double>(below(2) == 0 ? std::nextafter(x, 9.0f) : x * 0.5f + 0.25f);
      if (static_cast<float>(value.get<double>()) == x) value = 0.125;
    }
    return {"request." + it.key(), {}};
  }

  Named change_tokens(Json& receipt) {
    Json& tokens = receipt["answer"]["tokens"];
    const Json before = tokens;
    while (tokens == before) {
      const std::size_t at = below(tokens.size());
      switch (below(3)) {
        case 0:
          tokens[at] = below(300);
          break;
        case 1:
          tokens.erase(at);
          break;
        default:
          tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(at + below(2)), below(300));
      }
    }
    std::size_t first = 0;
    while (first < tokens.size() && first < before.size() && tokens[first] == before[first]) ++first;
    if (tokens.size() > receipt["request"]["max_tokens"]) return {"answer.tokens", {}};
    return {first == tokens.size() ? "finish" : "token",
            static_cast<std::int64_t>(receipt["request"]["prompt"].size() + first)};
  }

  Named change_end(Json& answer) {
    switch (below(3)) {
      case 0:
        answer["finish_reason"] = answer["finish_reason"] == "stop" ? "length" : "stop";
        break;
      case 1:
        answer["stop_token"] = answer["stop_token"].is_null() ? Json(4) : Json();
        break;
      default:
        answer["stop_string"] = answer["stop_string"].is_null() ? Json("e!") : Json();
    }
    return {"finish", {}};
  }

  std::mt19937 random_;
};

ReceiptSigner signer() {
  static const std::string path = [] {
    auto file = std::filesystem::temp_directory_path() / fmt::format("verbatim-key-{}.pem", getpid());
    std::ofstream(file) << "-----BEGIN PRIVATE KEY-----\n"
                           "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                           "-----END PRIVATE KEY-----\n";  // RFC 8032, section 7.1, test 1
    return file.string();
  }();
  auto made = ReceiptSigner::from_pem_file(path);
  CHECK(made.ok(), "{}", made.error().message);
  return *made;
}

Receipt signed_receipt(Receipt receipt) {
  receipt.signature = signer().sign(text_to_sign(receipt));
  return receipt;
}

TEST(Verify, EveryEditIsFoundAndNamed) {
  LoadedModel& loaded = tiny_model();
  VerifyOptions options;
  options.public_key = signer().public_key();
  std::mt19937 random(2);
  std::map<std::string, int> met;
  for (std::uint32_t i = 0; i < 1500; ++i) {
    if (!kept(i)) continue;
    static std::string text;  // of a receipt that several edits are tried on
    static std::uint32_t made_for = ~0u;
    if (made_for != i / 10) {
      made_for = i / 10;
      GenerateRequest request = rich_request(random);
      text = to_json_text(signed_receipt(answer_alone(loaded, request)->receipts.at(0)));
      const Verdict whole = verify_text(loaded, text, options);
      ASSERT_EQ(whole.outcome, Outcome::valid) << whole.what << ": " << whole.sentence << "\n" << text;
    }
    Json json = Json::parse(text);
    const Named named = Editor(i).edit(json);
    ASSERT_NE(json, Json::parse(text)) << "edit " << i << " changed nothing";
    const Verdict verdict = verify_text(loaded, json.dump(), options);
    EXPECT_EQ(verdict.outcome, Outcome::invalid) << "edit " << i << ": " << verdict.sentence << "\n"
                                                 << text << "\n"
                                                 << json.dump();
    EXPECT_EQ(verdict.what, named.what) << "edit " << i << ": " << verdict.sentence << "\n"
                                        << text << "\n"
                                        << json.dump();
    EXPECT_TRUE(!named.position || verdict.position == named.position)
        << verdict.position.value_or(-1) << ": " << verdict.sentence << "\n"
        << json.dump();
    ++met[verdict.what];
  }
  for (const char* key : {"prompt", "choice", "max_tokens", "temperature", "top_k", "top_p", "min_p",
                          "repetition_penalty", "frequency_penalty", "presence_penalty", "logit_bias", "seed",
                          "stop_tokens", "stop", "ignore_eos", "skip_special_tokens", "schema"})
    EXPECT_TRUE(kThinning > 1 || met[std::string("request.") + key] > 0) << key;
  for (const char* key : {"version", "fingerprint", "token", "finish", "links", "head", "signature"})
    EXPECT_TRUE(kThinning > 1 || met[key] > 0) << key;
}

// Whoever has the model can write a chain that fits an edit. Then it is the model that speaks.
TEST(Verify, AForgedChainDoesNotHelp) {
  LoadedModel& loaded = tiny_model();
  std::mt19937 random(3);
  int tokens = 0, digests = 0;
  for (int i = 0; i < 60; ++i) {
    GenerateRequest request = rich_request(random);
    request.constraint = nullptr;
    request.sampling.temperature = 1;
    request.max_tokens = 20;
    auto sink = answer_alone(loaded, request);
    const Receipt receipt = sink->receipts.at(0);
    const std::vector<Sha256Digest> hidden = hidden_of(*sink);
    EXPECT_EQ(verify_one(loaded, saved(forge(receipt, hidden))).outcome, Outcome::valid);
    const auto at = static_cast<std::size_t>(random() % receipt.tokens.size());
    const auto position = static_cast<std::int64_t>(request.prompt.size() + at);

    Receipt other_seed = receipt;
    other_seed.request.sampling.seed ^= 1;
    Verdict verdict = verify_one(loaded, saved(forge(other_seed, hidden)));
    EXPECT_TRUE(verdict.outcome == Outcome::valid || verdict.what == "token" || verdict.what == "finish");
    tokens += verdict.what == "token";

    Receipt other_token = receipt;
    other_token.tokens[at] = (other_token.tokens[at] + 1) % 300;
    verdict = verify_one(loaded, saved(forge(other_token, hidden)));
    EXPECT_EQ(verdict.outcome, Outcome::invalid);
    EXPECT_EQ(verdict.what, "token");
    EXPECT_EQ(verdict.position, position);
    EXPECT_NE(verdict.sentence.find(std::to_string(receipt.tokens[at])), std::string::npos);

    std::vector<Sha256Digest> other_hidden = hidden;
    other_hidden[at][random() % 32] ^= 1;
    verdict = verify_one(loaded, saved(forge(receipt, other_hidden)));
    EXPECT_EQ(verdict.outcome, Outcome::invalid);
    EXPECT_EQ(verdict.what, "digest") << verdict.sentence;
    EXPECT_EQ(verdict.position, position);
    digests += verdict.what == "digest";
  }
  EXPECT_GT(tokens, 40);
  EXPECT_EQ(digests, 60);
}

TEST(Verify, RequestsThatNoEngineTakesAreNamed) {
  LoadedModel& loaded = tiny_model();
  std::mt19937 random(4);
  GenerateRequest request = rich_request(random);
  request.constraint = nullptr;
  auto sink = answer_alone(loaded, request);
  const Receipt good = sink->receipts.at(0);
  const std::pair<const char*, std::function<void(Receipt&)>> edits[] = {
      {"request.prompt", [](Receipt& r) { r.request.prompt.clear(); }},
      {"request.prompt", [](Receipt& r) { r.request.prompt.push_back(300); }},
      {"request.prompt", [](Receipt& r) { r.request.prompt.push_back(INT32_MAX); }},
      {"request.max_tokens", [](Receipt& r) { r.request.max_tokens = INT64_MAX; }},
      {"request.max_tokens", [](Receipt& r) { r.request.prompt.resize(100000); }},
      {"answer.tokens", [](Receipt& r) { r.tokens.back() = 300; }},
      {"answer.tokens", [](Receipt& r) { r.request.max_tokens = 0; }},
      {"request.temperature", [](Receipt& r) { r.request.sampling.temperature = -1; }},
      {"request.top_p", [](Receipt& r) { r.request.sampling.top_p = 0; }},
      {"request.repetition_penalty", [](Receipt& r) { r.request.sampling.repetition_penalty = 0; }},
      {"request.logit_bias",
       [](Receipt& r) {
         r.request.sampling.logit_bias = {{300, 1.0f}};
       }},
      {"request.schema", [](Receipt& r) { r.schema = "{"; }},
      {"request.schema", [](Receipt& r) { r.schema = R"({"type":"sphere"})"; }},
      {"request.schema", [](Receipt& r) { r.schema = std::string(10000, '['); }},
  };
  for (const auto& [what, edit] : edits) {
    Receipt bad = good;
    edit(bad);
    const Verdict verdict = verify_one(loaded, saved(forge(bad, hidden_of(*sink))));
    EXPECT_EQ(verdict.outcome, Outcome::invalid) << what;
    EXPECT_EQ(verdict.what, what) << verdict.sentence;
  }
}

// ---- models, keys, responses ----------------------------------------------------------------------

TEST(Verify, AnotherModelVerifiesNothing) {
  std::mt19937 random(6);
  const Receipt receipt = answer_alone(tiny_model(), rich_request(random))->receipts.at(0);
  auto other = load_tiny_model("auto", 1, {.activation_limbs = 1, .kv_limbs = 2});
  Verdict verdict = verify_one(*other, saved(receipt));
  EXPECT_EQ(verdict.outcome, Outcome::not_verified);
  EXPECT_EQ(verdict.what, "fingerprint");
  EXPECT_NE(verdict.sentence.find("--activations"), std::string::npos);

  Receipt renamed = receipt;  // to pass for the other's
  renamed.fingerprint = other->fingerprint;
  verdict = verify_one(*other, saved(renamed));
  EXPECT_EQ(verdict.outcome, Outcome::invalid);
  EXPECT_EQ(verdict.what, "fingerprint");
}

TEST(Verify, SignaturesAreOfTheKeyGiven) {
  std::mt19937 random(7);
  LoadedModel& loaded = tiny_model();
  const Receipt plain = answer_alone(loaded, rich_request(random))->receipts.at(0);
  const Receipt made = signed_receipt(plain);
  EXPECT_EQ(made.signature->public_key, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(verify_one(loaded, saved(made)).outcome, Outcome::valid);
  VerifyOptions options;
  options.public_key = made.signature->public_key;
  EXPECT_EQ(verify_one(loaded, saved(made), options).sentence, "signed by the key given");
  EXPECT_EQ(verify_one(loaded, saved(plain), options).what, "signature");
  options.public_key = std::string(64, '0');
  EXPECT_EQ(verify_one(loaded, saved(made), options).what, "signature");
}

// Without a model: whatever is changed, what is signed is another text.
TEST(Verify, SignaturesCoverAllOfAReceipt) {
  for (std::uint32_t i = 0; i < 400; ++i) {
    if (!kept(i)) continue;
    std::mt19937 random(i / 20);
    const Receipt receipt = signed_receipt(answer_alone(tiny_model(), rich_request(random))->receipts.at(0));
    ASSERT_TRUE(is_signature_of(*receipt.signature, text_to_sign(receipt)));
    Json json = Json::parse(to_json_text(receipt));
    const Named named = Editor(i).edit(json);
    auto edited = read_receipt(json, "edited");
    ASSERT_TRUE(edited.ok()) << edited.error().message;
    if (!edited->signature) continue;
    EXPECT_FALSE(is_signature_of(*edited->signature, text_to_sign(*edited))) << named.what;
  }
}

TEST(Verify, TheResponseAroundAReceiptMustSayTheSame) {
  LoadedModel& loaded = tiny_model();
  std::mt19937 random(8);
  for (int i = 0; i < 20; ++i) {
    auto sink = answer_alone(loaded, rich_request(random));
    const Receipt& receipt = sink->receipts.at(0);
    Json text(sink->text.at(0));
    text = Json::parse(text.dump(-1, ' ', false, Json::error_handler_t::replace));
    Json choice = {{"index", 0},
                   {"text", text},
                   {"finish_reason", receipt.reason == FinishReason::stop ? "stop" : "length"},
                   {"token_ids", receipt.tokens},
                   {"receipt", Json::parse(to_json_text(receipt))}};
    auto response = [&](const Json& of) {
      return Json{{"object", "text_completion"}, {"choices", {of}}, {"usage", {{"prompt_tokens", 3}}}}.dump(
          2);
    };
    EXPECT_EQ(verify_text(loaded, response(choice)).outcome, Outcome::valid)
        << verify_text(loaded, response(choice)).sentence << response(choice);
    Json edited = choice;
    edited["text"] = text.get<std::string>() + "!";
    EXPECT_EQ(verify_text(loaded, response(edited)).what, "response.text");
    edited = choice;
    edited.erase("text");
    edited["message"] = {{"role", "assistant"}, {"content", text}};
    EXPECT_EQ(verify_text(loaded, response(edited)).outcome, Outcome::valid);
    edited["message"]["content"] = "! " + text.get<std::string>();
    EXPECT_EQ(verify_text(loaded, response(edited)).what, "response.text");
    edited = choice;
    edited["finish_reason"] = receipt.reason == FinishReason::stop ? "length" : "stop";
    EXPECT_EQ(verify_text(loaded, response(edited)).what, "response.finish_reason");
    edited = choice;
    edited["token_ids"].push_back(3);
    EXPECT_EQ(verify_text(loaded, response(edited)).what, "response.token_ids");
  }
}

TEST(Verify, NothingDrawnIsAnAnswerToo) {
  std::mt19937 random(9);
  GenerateRequest request = rich_request(random);
  request.max_tokens = 0;
  const Receipt receipt = answer_alone(tiny_model(), request)->receipts.at(0);
  EXPECT_EQ(verify_one(tiny_model(), saved(receipt)).outcome, Outcome::valid);
}

}  // namespace
}  // namespace verbatim
