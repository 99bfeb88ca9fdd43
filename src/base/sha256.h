// Sha256: the digest of bytes given in any number of pieces (FIPS 180-4, computed by OpenSSL).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace verbatim {

using Sha256Digest = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(const void* data, std::size_t bytes);
  void update(std::string_view text) { update(text.data(), text.size()); }

  // The digest of what was given so far; more may follow.
  Sha256Digest digest() const;
  std::string hex() const;  // 64 lower-case digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string to_hex(const Sha256Digest& digest);

}  // namespace verbatim
