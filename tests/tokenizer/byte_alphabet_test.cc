#include "tokenizer/byte_alphabet.h"

#include <gtest/gtest.h>

namespace verbatim {
namespace {

TEST(ByteAlphabet, RoundTripsEveryByte) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  EXPECT_EQ(bytes_of_spelling(spell_bytes(all)), all);
  EXPECT_EQ(spell_bytes(" a\n\xC3"), "\u0120a\u010A\u00C3");  // as vocab.json of GPT-2 spells them
}

TEST(ByteAlphabet, RefusesOtherCharacters) {
  EXPECT_EQ(bytes_of_spelling(" "), std::nullopt);
  EXPECT_EQ(bytes_of_spelling("\u0144"), std::nullopt);  // one past the last letter
  EXPECT_EQ(bytes_of_spelling("\u0143"), "\xAD");        // the last letter
  EXPECT_EQ(bytes_of_spelling("\u2581"), std::nullopt);
  EXPECT_EQ(bytes_of_spelling("\xFF"), std::nullopt);
}

}  // namespace
}  // namespace verbatim
