// Ed25519 signatures of receipts (RFC 8032, computed by OpenSSL).
//
// Keys are PEM files as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them. Here a
// public key is 64 hex digits, a signature 128. Thread safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "receipt/receipt.h"

namespace verbatim {

class ReceiptSigner {
 public:
  // The error names the file.
  static Result<ReceiptSigner> from_pem_file(const std::string& path);

  const std::string& public_key() const { return public_key_; }
  ReceiptSignature sign(std::string_view text) const;

 private:
  ReceiptSigner(std::shared_ptr<void> key, std::string public_key)
      : key_(std::move(key)), public_key_(std::move(public_key)) {}

  std::shared_ptr<void> key_;  // EVP_PKEY
  std::string public_key_;
};

// The public key in a PEM file that holds it, or its private key.
Result<std::string> read_public_key(const std::string& path);

// Whether `signature` is its key's signature of `text`.  REQUIRES: its fields are hex digits, as many as above
bool is_signature_of(const ReceiptSignature& signature, std::string_view text);

}  // namespace verbatim
