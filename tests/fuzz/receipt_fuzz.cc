// Any text as a file of receipts, responses and streams: an error or receipts that are written and read as they are; and
// any receipt, with a chain that fits it, as something to verify: a verdict, whatever it asks of the model, and whatever
// stands around it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "json/library.h"
#include "receipt/receipt_fixture.h"
#include "receipt/signing.h"
#include "server/tiny_served_model.h"
#include "verify/verify_answers.h"

namespace {

using namespace verbatim;

// Positions, and work, that one input may ask for.
constexpr std::size_t kMostTokens = 64;

void check_form(const Receipt& receipt) {
  const std::string text = to_json_text(receipt);
  auto again = read_receipt(nlohmann::json::parse(text), "again");
  CHECK(again.ok(), "what was written is not read: {}", again.error().message);
  CHECK(to_json_text(*again) == text, "a receipt changes on its way: {}", text);
  if (receipt.signature) is_signature_of(*receipt.signature, text_to_sign(receipt));
}

void fit(Receipt& receipt) {
  receipt.fingerprint = tiny_model().fingerprint;
  receipt = forge(std::move(receipt), std::vector<Sha256Digest>(receipt.tokens.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto found = find_answers({reinterpret_cast<const char*>(data), size}, "input");
  if (!found) {
    CHECK(found.error().message.starts_with("input"), "the error names no file: {}", found.error().message);
    return 0;
  }
  std::size_t tokens = 0, receipts = 0;
  for (SavedAnswer& answer : *found) {
    CHECK(!answer.receipts.empty(), "an answer without a receipt");
    for (SavedReceipt& one : answer.receipts) {
      ++receipts;
      if (!one.receipt) continue;
      check_form(*one.receipt);
      tokens += one.receipt->request.prompt.size() + one.receipt->tokens.size();
      if (tokens <= kMostTokens) fit(*one.receipt);
    }
  }
  if (tokens > kMostTokens) return 0;
  VerifyAnswersOptions options;
  options.request =
      R"({"prompt": "x", "messages": [{"role": "user", "content": "x"}], "input": "x", "receipt": true})";
  const auto judged = verify_answers(tiny_model(), server::tiny_served_model(), *std::move(found), options);
  CHECK(judged.size() == receipts, "{} verdicts of {} receipts", judged.size(), receipts);
  return 0;
}
