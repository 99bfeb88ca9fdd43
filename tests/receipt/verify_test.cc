// Receipts made under load verify everywhere; what cannot be verified, and what nobody vouched for, is said.
#include "receipt/verify.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "backend/list.h"
#include "receipt/receipt_fixture.h"
#include "receipt/signing.h"
#include "thinning.h"

namespace verbatim {
namespace {

using Outcome = Verdict::Outcome;

// ---- under load, on every backend -----------------------------------------------------------------

TEST(Verify, ReceiptsMadeUnderLoadVerifyOnEveryBackend) {
  LoadedModel& loaded = tiny_model();
  std::mt19937 random(1);
  EngineOptions crowded;
  crowded.kv_pages = 7;
  crowded.schedule.max_sequences = 6;
  crowded.schedule.max_step_tokens = 90;
  crowded.schedule.preempt_every = 5;
  auto engine = Engine::create(*loaded.model, loaded.tokenizer.get(), crowded);
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
      {"request.top_p", [](Receipt& r) { r.request.sampling.top_p = -1; }},
      {"request.min_tokens", [](Receipt& r) { r.request.min_tokens = r.request.max_tokens + 1; }},
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

// ---- models, keys ----------------------------------------------------------------------

TEST(Verify, AnotherModelVerifiesNothing) {
  std::mt19937 random(6);
  const Receipt receipt = answer_alone(tiny_model(), rich_request(random))->receipts.at(0);
  auto other = load_tiny_model("auto", 1, {.activations = Width::bits8});
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

// Whoever writes receipts may name the control group's fingerprint.
TEST(Verify, ABackendThatPromisesNothingVerifiesNothing) {
  auto backend = make_backend(control_group().name, 1);
  if (!backend) GTEST_SKIP() << backend.error().message;
  auto loaded = load_tiny_model(std::string(control_group().name), 1);
  std::mt19937 random(6);
  auto sink = answer_alone(tiny_model(), rich_request(random));
  Receipt receipt = sink->receipts.at(0);
  receipt.fingerprint = loaded->fingerprint;
  const Verdict verdict = verify_one(*loaded, saved(forge(receipt, hidden_of(*sink))));
  EXPECT_EQ(verdict.outcome, Outcome::not_verified);
  EXPECT_EQ(verdict.what, "backend");
}

TEST(Verify, SignaturesAreOfTheKeyGiven) {
  std::mt19937 random(7);
  LoadedModel& loaded = tiny_model();
  const Receipt plain = answer_alone(loaded, rich_request(random))->receipts.at(0);
  const Receipt made = signed_receipt(plain);
  EXPECT_EQ(made.signature->public_key, kSignerPublicKey);
  EXPECT_EQ(verify_one(loaded, saved(made)).outcome, Outcome::valid);
  VerifyOptions options;
  options.public_key = made.signature->public_key;
  EXPECT_EQ(verify_one(loaded, saved(made), options).sentence, "signed by the key given");
  EXPECT_EQ(verify_one(loaded, saved(plain), options).what, "signature");
  options.public_key = std::string(64, '0');
  EXPECT_EQ(verify_one(loaded, saved(made), options).what, "signature");
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
