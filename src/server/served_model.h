// ServedModel: what the endpoints know of the model that they serve. Immutable while the server runs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chat/chat_template.h"
#include "engine/loaded_model.h"
#include "receipt/signing.h"
#include "server/response_formats.h"

namespace verbatim::server {

struct ServedModel {
  const LoadedModel* loaded = nullptr;
  std::vector<std::string> names;  // that a body's "model" may give; the first is shown. Not empty
  std::int64_t context = 0;        // most tokens of prompt and answer
  std::int64_t created = 0;        // Unix time

  std::shared_ptr<const ChatTemplate> chat;  // nullptr: the model has no template
  ChatOptions chat_options;
  std::shared_ptr<ResponseFormats> formats;  // never nullptr
  std::string version;                       // of the program
  std::optional<ReceiptSigner> signer;       // of receipts; nullopt: they are not signed

  const Tokenizer& tokenizer() const { return *loaded->tokenizer; }
  const std::string& fingerprint() const { return loaded->fingerprint; }
  const SamplingParams& defaults() const { return loaded->sampling; }  // where a body gives no value
  // The key that signs receipts, in hex and in quotes; or null.
  std::string receipt_key_json() const { return signer ? '"' + signer->public_key() + '"' : "null"; }
  // The form that every response carries: "fp_" and 16 of the 64 digits.
  std::string short_fingerprint() const { return "fp_" + fingerprint().substr(0, 16); }
};

}  // namespace verbatim::server
