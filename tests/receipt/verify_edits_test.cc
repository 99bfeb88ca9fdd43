// Whatever is changed in a receipt is found, and named.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "receipt/receipt_fixture.h"
#include "receipt/signing.h"
#include "receipt/verify.h"
#include "thinning.h"

namespace verbatim {
namespace {

using Json = nlohmann::json;
using Outcome = Verdict::Outcome;

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
        [&](Json& r) { return change_show(r["show"]); },
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

  Named change_show(Json& show) {
    if (show.is_null()) {
      show = {{"endpoint", "e"}, {"model", "m"}, {"prompt", 0}, {"prompts", 1}, {"parameters", "{}"}};
      return {"show.endpoint", {}};
    }
    if (below(6) == 0) return show = nullptr, Named{"show", {}};
    auto it = show.begin();
    std::advance(it, below(show.size()));
    it->is_string() ? void(*it = it->get<std::string>() + "x") : void(*it = it->get<std::int64_t>() + 1);
    return {"show." + it.key(), {}};
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

TEST(Verify, EveryEditIsFoundAndNamed) {
  LoadedModel& loaded = tiny_model();
  VerifyOptions options;
  options.public_key = signer().public_key();
  std::mt19937 random(2);
  std::map<std::string, int> met;
  for (std::uint32_t i = 0; i < 1500; ++i) {
    if (!kept(i)) continue;
    static std::string text;  // of a receipt that several edits are tried on
    static std::int64_t made_for = -1;
    if (made_for != i / (10 * kThinning)) {
      made_for = i / (10 * kThinning);
      GenerateRequest request = rich_request(random);
      auto sink = answer_alone(loaded, request);
      Receipt receipt = sink->receipts.at(0);
      if (random() % 2 == 0) receipt.show = ReceiptShow{"/v1/completions", "m", 1, 3, R"({"receipt":true})"};
      text = to_json_text(signed_receipt(forge(receipt, hidden_of(*sink))));
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
  for (const char* key : {"version", "fingerprint", "show", "show.endpoint", "show.parameters", "token",
                          "finish", "links", "head", "signature"})
    EXPECT_TRUE(kThinning > 1 || met[key] > 0) << key;
}

// Whoever has the model can write a chain that fits an edit. Then it is the model that speaks.
TEST(Verify, AForgedChainDoesNotHelp) {
  LoadedModel& loaded = tiny_model();
  std::mt19937 random(3);
  int chains = 0, tokens = 0, digests = 0;
  for (int i = 0; i < 60; ++i) {
    if (!kept(i)) continue;
    ++chains;
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
  EXPECT_GT(tokens, chains * 2 / 3);
  EXPECT_EQ(digests, chains);
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

}  // namespace
}  // namespace verbatim
