// The form of receipts: what is written is read again, what is wrong is named, and the document tells the truth.
#include "receipt/receipt.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>

#include "receipt/receipt_fixture.h"
#include "source_path.h"
#include "thinning.h"

namespace verbatim {
namespace {

using Json = nlohmann::json;

std::string some_receipt(std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  return to_json_text(answer_alone(tiny_model(), rich_request(random))->receipts.at(0));
}

TEST(Receipt, ReadsWhatItWrites) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    const std::string text = some_receipt(seed);
    auto read = read_receipt(Json::parse(text), "r");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(to_json_text(*read), text);
    // As a JSON library may write it: other order and spaces.
    auto again = read_receipt(Json::parse(Json::parse(text).dump(3)), "r");
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(to_json_text(*again), text);
    EXPECT_EQ(text_to_sign(*again), text_to_sign(*read));
  }
}

// Every float32 keeps its bits on its way through JSON, and through a double.
TEST(Receipt, FloatsKeepTheirBits) {
  std::mt19937 random(1);
  Json json = Json::parse(some_receipt());
  for (int i = 0; i < 20000; ++i) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!kept(i) || !std::isfinite(x)) continue;
    auto receipt = read_receipt(json, "r");
    receipt->request.sampling.frequency_penalty = x;
    auto read = read_receipt(Json::parse(to_json_text(*receipt)), "r");
    ASSERT_TRUE(read.ok()) << read.error().message;
    ASSERT_EQ(std::bit_cast<std::uint32_t>(read->request.sampling.frequency_penalty),
              std::bit_cast<std::uint32_t>(x + 0.0f));
  }
}

TEST(Receipt, WhatIsWrongIsNamed) {
  using Edit = std::function<void(Json&)>;
  const std::pair<const char*, Edit> edits[] = {
      {"format is missing", [](Json& r) { r.erase("format"); }},
      {"format is \"verbatim-receipt-1\", this program reads \"verbatim-receipt-2\" and no other",
       [](Json& r) { r["format"] = "verbatim-receipt-1"; }},
      {"fingerprint is not 64 lower-case hex digits", [](Json& r) { r["fingerprint"] = "AB"; }},
      {"fingerprint is 5, must be a string", [](Json& r) { r["fingerprint"] = 5; }},
      {"extra is not a key of a receipt", [](Json& r) { r["extra"] = 5; }},
      {"request is 5, must be an object", [](Json& r) { r["request"] = 5; }},
      {"request.seed is missing", [](Json& r) { r["request"].erase("seed"); }},
      {"request.n is not a key of a receipt", [](Json& r) { r["request"]["n"] = 1; }},
      {"request.seed is 5, must be a string", [](Json& r) { r["request"]["seed"] = 5; }},
      {"request.seed is \"05\", must be", [](Json& r) { r["request"]["seed"] = "05"; }},
      {"request.seed is \"18446744073709551616\", must be",
       [](Json& r) { r["request"]["seed"] = "18446744073709551616"; }},
      {"request.seed is \"-1\", must be", [](Json& r) { r["request"]["seed"] = "-1"; }},
      {"request.temperature is 0.7, must be a number that a float32 holds exactly",
       [](Json& r) { r["request"]["temperature"] = 0.7; }},
      {"request.temperature is 1e+300, must be", [](Json& r) { r["request"]["temperature"] = 1e300; }},
      {"request.temperature is null, must be",
       [](Json& r) { r["request"]["temperature"] = std::numeric_limits<double>::quiet_NaN(); }},
      {"request.temperature is \"1\", must be", [](Json& r) { r["request"]["temperature"] = "1"; }},
      {"request.temperature is 16777217, must be", [](Json& r) { r["request"]["temperature"] = 16777217; }},
      {"request.top_k is 1.5, must be an integer", [](Json& r) { r["request"]["top_k"] = 1.5; }},
      {"request.top_k is -1, must be an integer of at least 0", [](Json& r) { r["request"]["top_k"] = -1; }},
      {"request.max_tokens is 9223372036854775808, must be",
       [](Json& r) { r["request"]["max_tokens"] = std::uint64_t{1} << 63; }},
      {"request.prompt is [1,2147483648], must be a list of token ids",
       [](Json& r) {
         r["request"]["prompt"] = {1, std::int64_t{1} << 31};
       }},
      {"request.prompt is [-1], must be", [](Json& r) { r["request"]["prompt"] = {-1}; }},
      {"request.prompt is {\"0\":1}, must be",
       [](Json& r) {
         r["request"]["prompt"] = {{"0", 1}};
       }},
      {"request.logit_bias is [[5,1],[4,1]], must be a list of [token id, float32], by increasing id",
       [](Json& r) { r["request"]["logit_bias"] = Json::parse("[[5,1],[4,1]]"); }},
      {"request.logit_bias is [[5,1],[5,1]], must be",
       [](Json& r) { r["request"]["logit_bias"] = Json::parse("[[5,1],[5,1]]"); }},
      {"request.logit_bias is [[5,0.1]], must be",
       [](Json& r) { r["request"]["logit_bias"] = Json::parse("[[5,0.1]]"); }},
      {"request.stop is [\"\"], must be a list of strings that are not empty",
       [](Json& r) { r["request"]["stop"] = {""}; }},
      {"request.ignore_eos is 0, must be true or false", [](Json& r) { r["request"]["ignore_eos"] = 0; }},
      {"answer.stop_string is \"\", must be null, or a string that is not empty",
       [](Json& r) { r["answer"]["stop_string"] = ""; }},
      {"request.schema is {}, must be a string", [](Json& r) { r["request"]["schema"] = Json::object(); }},
      {"answer.finish_reason is \"error\", must be \"stop\" or \"length\"",
       [](Json& r) { r["answer"]["finish_reason"] = "error"; }},
      {"answer.stop_token is \"x\", must be a token id", [](Json& r) { r["answer"]["stop_token"] = "x"; }},
      {"answer.tokens is null, must be a list", [](Json& r) { r["answer"]["tokens"] = nullptr; }},
      {"show is missing", [](Json& r) { r.erase("show"); }},
      {"show is 5, must be an object", [](Json& r) { r["show"] = 5; }},
      {"show.endpoint is missing", [](Json& r) { r["show"] = Json::object(); }},
      {"links is not lower-case hex digits", [](Json& r) { r["links"] = "xyz"; }},
      {"head is not 64 lower-case hex digits", [](Json& r) { r["head"] = ""; }},
      {"signature is [], must be an object", [](Json& r) { r["signature"] = Json::array(); }},
      {"signature.value is missing",
       [](Json& r) {
         r["signature"] = {{"public_key", std::string(64, '0')}};
       }},
  };
  const Json good = Json::parse(some_receipt());
  for (const auto& [sentence, edit] : edits) {
    Json bad = good;
    edit(bad);
    auto read = read_receipt(Json::parse(bad.dump()), "r.json");
    ASSERT_FALSE(read.ok()) << sentence;
    EXPECT_TRUE(read.error().message.starts_with(std::string("r.json: ") + sentence)) << read.error().message;
  }
}

// The engine's digest of a row is what the document says: SHA-256 of scale and integers, little-endian.
TEST(Receipt, DigestOfAHiddenRow) {
  const HiddenRow row{1.0f, {1, -2, 16319}};
  Sha256 sha;
  sha.update(std::string_view("\x00\x00\x80\x3F\x01\x00\xFE\xFF\xBF\x3F", 10));
  EXPECT_EQ(digest_of(row), sha.digest());
}

// ---- docs/formats/receipt.md ----------------------------------------------------------------------

std::string documented(const std::string& kind) {
  std::ifstream in(source_path("docs/formats/receipt.md"));
  const std::string page((std::istreambuf_iterator<char>(in)), {}), open = "\n```" + kind + "\n";
  const std::size_t begin = page.find(open);
  if (begin == page.npos) return {};
  return page.substr(begin + open.size(), page.find("```", begin + open.size()) - begin - open.size());
}

TEST(Receipt, DocumentedExample) {
  ModelChoice choice;
  choice.path = "storyteller";
  auto loaded = load_model(choice);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  GenerateRequest request;
  request.prompt = *(*loaded)->tokenizer->encode("Once upon a time", {true, false});
  request.max_tokens = 3;
  request.sampling.temperature = 0.7f;
  request.sampling.seed = 42;
  request.hidden = true;
  auto sink = answer_alone(**loaded, request);
  Receipt receipt = sink->receipts.at(0);
  receipt.version = "0.2.0";
  std::vector<Sha256Digest> hidden;
  for (const auto& [place, digest] : sink->hidden) hidden.push_back(digest);
  receipt = forge(receipt, hidden);

  const Json json = Json::parse(documented("json"), nullptr, false);
  const std::string expected = to_json_text(receipt);
  EXPECT_EQ(json, Json::parse(expected)) << "the document should have\n"
                                         << ordered_json::parse(expected).dump(1);

  std::string chain;
  ReceiptChain made(kReceiptFormat);
  auto add = [&](const std::string& entry) {
    made.add(entry);
    chain += made.links().substr(made.links().size() - 8) + "  " + entry + "\n";
  };
  for (const ReceiptEntry& entry : request_entries(receipt)) add(entry.text);
  for (std::size_t i = 0; i < receipt.tokens.size(); ++i)
    add(token_entry(static_cast<std::int64_t>(request.prompt.size() + i), receipt.tokens[i], hidden[i]));
  add(finish_entry(receipt));
  EXPECT_EQ(documented("text"), chain);
  EXPECT_EQ(made.head(), receipt.head);
  const Verdict verdict = verify_text(**loaded, documented("json"));
  EXPECT_EQ(verdict.outcome, Verdict::Outcome::valid) << verdict.sentence;
}

}  // namespace
}  // namespace verbatim
