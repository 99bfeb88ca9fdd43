#include "base/sha256.h"

#include <openssl/evp.h>

#include <new>

#include "base/check.h"

namespace verbatim {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() {
    if (context == nullptr) throw std::bad_alloc();
  }
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1, "OpenSSL has no SHA-256");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(const void* data, std::size_t bytes) {
  CHECK(EVP_DigestUpdate(state_->context, data, bytes) == 1, "SHA-256 update failed");
}

Sha256Digest Sha256::digest() const {
  State copy;
  Sha256Digest out{};
  CHECK(EVP_MD_CTX_copy_ex(copy.context, state_->context) == 1 &&
            EVP_DigestFinal_ex(copy.context, out.data(), nullptr) == 1,
        "SHA-256 digest failed");
  return out;
}

std::string Sha256::hex() const { return to_hex(digest()); }

std::string to_hex(const Sha256Digest& digest) {
  std::string out;
  for (std::uint8_t byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

}  // namespace verbatim
