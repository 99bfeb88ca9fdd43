#include "receipt/signing.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <vector>

#include "base/check.h"

namespace verbatim {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Bytes = std::vector<unsigned char>;

Key own(EVP_PKEY* key) { return Key(key, EVP_PKEY_free); }

std::string hex_of(const Bytes& bytes) {
  std::string out;
  for (unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

// REQUIRES: hex digits, an even number of them
Bytes bytes_of(std::string_view hex) {
  Bytes bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<unsigned char>(std::stoi(std::string(hex.substr(2 * i, 2)), nullptr, 16));
  return bytes;
}

// A key that is encrypted is refused: nobody is here to type its password.
int no_password(char*, int, int, void*) { return -1; }

using ReadKey = EVP_PKEY* (*)(BIO*, EVP_PKEY**, pem_password_cb*, void*);

// nullptr: the file holds no such key
Result<Key> read_key(const std::string& path, ReadKey read) {
  std::unique_ptr<BIO, int (*)(BIO*)> file(BIO_new_file(path.c_str(), "r"), BIO_free);
  if (file == nullptr) return fail("{}: cannot be read", path);
  Key key = own(read(file.get(), nullptr, no_password, nullptr));
  if (key != nullptr && EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519)
    return fail("{}: is not an Ed25519 key; make one with openssl genpkey -algorithm ed25519", path);
  return key;
}

std::string public_key_of(const Key& key) {
  Bytes raw(32);
  std::size_t size = raw.size();
  CHECK(EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) == 1 && size == raw.size(),
        "an Ed25519 key has no public key");
  return hex_of(raw);
}

std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> new_context() {
  return {EVP_MD_CTX_new(), EVP_MD_CTX_free};
}

const unsigned char* unsigned_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Result<ReceiptSigner> ReceiptSigner::from_pem_file(const std::string& path) {
  auto key = read_key(path, PEM_read_bio_PrivateKey);
  if (!key) return key.error();
  if (*key == nullptr)
    return fail(
        "{}: holds no private key in PEM, or an encrypted one; make one with openssl genpkey "
        "-algorithm ed25519",
        path);
  return ReceiptSigner(*key, public_key_of(*key));
}

ReceiptSignature ReceiptSigner::sign(std::string_view text) const {
  auto context = new_context();
  Bytes signature(64);
  std::size_t size = signature.size();
  CHECK(
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, static_cast<EVP_PKEY*>(key_.get())) == 1 &&
          EVP_DigestSign(context.get(), signature.data(), &size, unsigned_of(text), text.size()) == 1 &&
          size == signature.size(),
      "OpenSSL does not sign with an Ed25519 key");
  return {public_key_, hex_of(signature)};
}

Result<std::string> read_public_key(const std::string& path) {
  for (ReadKey read : {PEM_read_bio_PUBKEY, PEM_read_bio_PrivateKey}) {
    auto key = read_key(path, read);
    if (!key) return key.error();
    if (*key != nullptr) return public_key_of(*key);
  }
  return fail("{}: holds no key in PEM; openssl pkey -in PRIVATE.pem -pubout writes a public one", path);
}

bool is_signature_of(const ReceiptSignature& signature, std::string_view text) {
  const Bytes raw = bytes_of(signature.public_key), value = bytes_of(signature.value);
  Key key = own(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw.data(), raw.size()));
  if (key == nullptr) return false;
  auto context = new_context();
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), value.data(), value.size(), unsigned_of(text), text.size()) == 1;
}

}  // namespace verbatim
