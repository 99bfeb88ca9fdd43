#include "model/hidden_row.h"

#include <bit>

namespace verbatim {

Sha256Digest digest_of(const HiddenRow& row) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(sizeof(float) + sizeof(std::int16_t) * row.q.size());
  auto scale = std::bit_cast<std::uint32_t>(row.scale);
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::uint8_t>(scale >> shift));
  for (std::int16_t q : row.q) {
    bytes.push_back(static_cast<std::uint8_t>(q));
    bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint16_t>(q) >> 8));
  }
  Sha256 sha;
  sha.update(bytes.data(), bytes.size());
  return sha.digest();
}

}  // namespace verbatim
