// Receipt: what one answer was made from and what came of it, so that anyone with the model can check it.
// Start here; verify.h checks one, docs/formats/receipt.md is its form.
//
// It names the model by its fingerprint, holds every parameter that decides the answer and nothing else, and
// commits to the computation: each token is chained with the digest of the integers that its logits were made
// from (model/hidden_row.h). All of that is a function of (model, request), so a receipt is the same whatever
// else its server did, on every backend; with a signature (Ed25519 is deterministic) still the same bytes.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "engine/token_sink.h"
#include "receipt/chain.h"

namespace verbatim {

inline constexpr std::string_view kReceiptFormat = "verbatim-receipt-2";

struct ReceiptSignature {
  std::string public_key;  // 64 hex digits
  std::string value;       // 128 hex digits
  bool operator==(const ReceiptSignature&) const = default;
};

// How a response of the API shows an answer: with the receipts of its choices, all that it takes to write the response
// again (src/verify). Nothing is computed from it.
struct ReceiptShow {
  std::string endpoint;                  // "/v1/completions"
  std::string model;                     // the name that the response shows
  std::int64_t prompt = 0, prompts = 1;  // which of how many; with `choice` the index in the response
  // The request's body as JSON, without what is in the receipt otherwise, or decides nothing (server/call.h).
  std::string parameters;
};

struct Receipt {
  std::string version;      // of the program that made it
  std::string fingerprint;  // of the model (engine/loaded_model.h)

  // Of the request: prompt, max_tokens, sampling, stop_tokens, stop_strings, ignore_eos, skip_special. Its
  // constraint is nullptr here: `schema` is what makes it again; nullopt: there is none.
  GenerateRequest request;
  std::int64_t choice = 0;
  std::optional<std::string> schema;
  std::optional<ReceiptShow> show;  // nullopt: no response shows the answer

  std::vector<std::int32_t> tokens;            // of the answer, a stop token included
  FinishReason reason = FinishReason::length;  // stop or length
  std::optional<std::int32_t> stop_token;
  std::optional<std::string> stop_string;

  std::string links, head;  // of chain_of_request(), the tokens' entries and finish_entry(), in this order
  std::optional<ReceiptSignature> signature;
};

// JSON <-> value. Reading is strict: every key must be there and no other, numbers must be what they are
// rounded to. The error is one sentence that begins with `where` and names the key.
std::string to_json_text(const Receipt& receipt);  // one line.  REQUIRES: its strings are UTF-8
Result<Receipt> read_receipt(const nlohmann::json& json, const std::string& where);

// What is chained: names and values of what is known before the first token, ...
struct ReceiptEntry {
  std::string name;  // of the key, such as "request.seed"
  std::string text;  // of the entry
};
std::vector<ReceiptEntry> request_entries(const Receipt& receipt);
// ... a line for each token, ...   position: in its sequence, prompt included
std::string token_entry(std::int64_t position, std::int32_t token, const Sha256Digest& hidden);
// ... and its end.
std::string finish_entry(const Receipt& receipt);

// What a signature signs: 64 hex digits that commit to all of the receipt but the signature.
std::string text_to_sign(const Receipt& receipt);

}  // namespace verbatim
