// Sha256 against the examples published for FIPS 180-4 (NIST, "Cryptographic Standards and Guidelines:
// Examples with Intermediate Values", SHA-256) and the empty message of the NIST test vectors
// (SHA256ShortMsg, Len = 0).
#include "base/sha256.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace verbatim {
namespace {

struct KnownAnswer {
  std::string message;
  const char* hex;
};

const KnownAnswer kKnownAnswers[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

TEST(Sha256, KnownAnswers) {
  for (const auto& [message, hex] : kKnownAnswers) {
    Sha256 hash;
    hash.update(message);
    EXPECT_EQ(hash.hex(), hex) << message.substr(0, 60);
  }
}

// 56 and 64 bytes are where padding needs another block.
TEST(Sha256, PiecesDoNotMatter) {
  std::string message;
  for (int i = 0; i < 200; ++i) message += static_cast<char>(i);
  Sha256 whole;
  whole.update(message);
  for (std::size_t piece : {1, 55, 56, 57, 63, 64, 65, 199}) {
    Sha256 hash;
    for (std::size_t at = 0; at < message.size(); at += piece) {
      hash.update(std::string_view(message).substr(at, piece));
    }
    EXPECT_EQ(hash.hex(), whole.hex()) << "pieces of " << piece;
  }
}

TEST(Sha256, GoesOnAfterADigest) {
  Sha256 hash;
  hash.update("a");
  EXPECT_EQ(hash.digest(), hash.digest());
  hash.update("bc");
  EXPECT_EQ(hash.hex(), kKnownAnswers[1].hex);
  EXPECT_EQ(to_hex(hash.digest()), hash.hex());
}

TEST(Sha256, MovesWithItsState) {
  Sha256 first;
  first.update("ab");
  Sha256 second = std::move(first);
  second.update("c");
  EXPECT_EQ(second.hex(), kKnownAnswers[1].hex);
}

}  // namespace
}  // namespace verbatim
