// Verification of receipts: computes prompts and answers again, all tokens of an answer in one pass as if they
// were a prompt, and draws every token again from its logits by the engine's own code (engine/drawer.h).
//
// Prefill and decode give the same bits, and so do all backends, so what comes out must equal what the receipt
// says, whoever made it, and however. A receipt is valid if and only if this model answers this request with
// these tokens, from these hidden integers. It needs no trust in the server.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/loaded_model.h"
#include "receipt/replay.h"

namespace verbatim {

// A receipt as it was read.
struct SavedReceipt {
  std::string where;  // file, line and place inside it
  Result<Receipt> receipt;
};

struct Verdict {
  enum class Outcome : std::uint8_t { valid, invalid, not_verified };
  Outcome outcome = Outcome::valid;
  // invalid: the first thing that is wrong: "token", "digest", "finish", or a key such as "request.seed".
  // not_verified: "receipt" (not readable), "fingerprint" (of another model), "backend" (promises no bits).
  std::string what;
  std::optional<std::int64_t> position;  // of the token at fault in its sequence, prompt included
  std::string sentence;                  // what differs, or what there is to say

  std::int64_t prompt_tokens = 0, tokens = 0;
  Replayed answer = {};  // valid: as it was computed here
};

struct VerifyOptions {
  std::optional<std::string> public_key;          // hex: receipts must be signed by its owner
  std::int64_t kv_bytes = std::int64_t{1} << 30;  // of the cache; more where one receipt needs more
  // Called with the positions computed, and their number, now and then.
  std::function<void(std::int64_t done, std::int64_t all)> progress;
};

// A verdict for each.
std::vector<Verdict> verify_receipts(LoadedModel& loaded, std::span<const SavedReceipt> saved,
                                     const VerifyOptions& options);

}  // namespace verbatim
