// Any text as a file of receipts: an error or receipts that are written and read as they are; and any receipt, with a
// chain that fits it, as something to verify: a verdict, whatever it asks of the model.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/check.h"
#include "receipt/receipt_fixture.h"
#include "receipt/signing.h"

namespace {

using namespace verbatim;

// Positions, and work, that one input may ask for.
constexpr std::size_t kMostTokens = 64;

void verify_with_a_fitting_chain(const SavedReceipt& found) {
  const Receipt& receipt = *found.receipt;
  if (receipt.request.prompt.size() + receipt.tokens.size() > kMostTokens) return;
  Receipt fitting = receipt;
  fitting.fingerprint = tiny_model().fingerprint;
  fitting = forge(std::move(fitting), std::vector<Sha256Digest>(receipt.tokens.size()));
  const Verdict verdict = verify_one(tiny_model(), {found.where, fitting, found.shown});
  CHECK(verdict.outcome != Verdict::Outcome::not_verified, "it is of this model: {}", verdict.sentence);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto found = find_receipts({reinterpret_cast<const char*>(data), size}, "input");
  if (!found) {
    CHECK(found.error().message.starts_with("input"), "the error names no file: {}", found.error().message);
    return 0;
  }
  for (const SavedReceipt& one : *found) {
    if (!one.receipt) continue;
    const std::string text = to_json_text(*one.receipt);
    auto again = read_receipt(nlohmann::json::parse(text), "again");
    CHECK(again.ok(), "what was written is not read: {}", again.error().message);
    CHECK(to_json_text(*again) == text, "a receipt changes on its way: {}", text);
    if (one.receipt->signature) is_signature_of(*one.receipt->signature, text_to_sign(*one.receipt));
    verify_with_a_fitting_chain(one);
  }
  return 0;
}
