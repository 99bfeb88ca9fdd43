#include "tokenizer/incremental_decoder.h"

#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"
#include "tokenizer/synthetic_vocabulary.h"

namespace verbatim {
namespace {

const std::string kReplacement = "\xEF\xBF\xBD";

TEST(IncrementalDecoder, HoldsBackWhatIsNotWhole) {
  const Tokenizer tokenizer = make_tokenizer(byte_level_data());
  IncrementalDecoder decoder(tokenizer);
  EXPECT_EQ(decoder.push('a'), "a");
  EXPECT_EQ(decoder.push(0xF0), "");
  EXPECT_EQ(decoder.push(0x9F), "");
  EXPECT_EQ(decoder.push(0x98), "");
  EXPECT_EQ(decoder.push(0x81), "\U0001F601");
  EXPECT_EQ(decoder.push(0xE4), "");
  EXPECT_EQ(decoder.push('b'), kReplacement + "b");
  EXPECT_EQ(decoder.push(0xFF), kReplacement);
  EXPECT_EQ(decoder.push(0xE4), "");
  EXPECT_EQ(decoder.push(0xB8), "");
  EXPECT_EQ(decoder.flush(), kReplacement);
  EXPECT_EQ(decoder.flush(), "");
  EXPECT_EQ(decoder.push('c'), "c");
}

TEST(IncrementalDecoder, FirstSpaceAndSpecialTokensAsInDecode) {
  TokenizerData data = sentencepiece_data({{"\u2581a", -1}});
  const Tokenizer tokenizer = make_tokenizer(data);
  IncrementalDecoder whole(tokenizer), continued(tokenizer, {.text_start = false});
  EXPECT_EQ(whole.push(1), "");
  EXPECT_EQ(whole.push(259), "a");
  EXPECT_EQ(whole.push(259), " a");
  EXPECT_EQ(continued.push(259), " a");
}

// Tokens of 0 to 6 random bytes, cut anywhere inside characters: whatever the split, the invariant holds.
TEST(IncrementalDecoder, PiecesJoinToDecode) {
  std::mt19937 random(5);
  const std::string bytes = "a \xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x81\xED\xA0\xF4\x90\xFF\x80";
  for (int round = 0; round < 3000; ++round) {
    TokenizerData data = byte_level_data();
    for (int i = 0; i < 20; ++i) {
      std::string text;
      for (std::size_t n = random() % 7; n > 0; --n) text.push_back(bytes[random() % bytes.size()]);
      data.tokens.push_back(spell_bytes(text));
      data.types.push_back(TokenType::normal);
    }
    add_token(data, "<|x|>", TokenType::control);
    const Tokenizer tokenizer = make_tokenizer(data);
    const DecodeOptions options{.skip_special = random() % 2 == 0, .text_start = random() % 2 == 0};

    std::vector<std::int32_t> ids(random() % 30);
    // Some lie outside the vocabulary.
    for (auto& id : ids) id = static_cast<std::int32_t>(200 + random() % 80);
    IncrementalDecoder decoder(tokenizer, options);
    std::string joined;
    for (std::int32_t id : ids) {
      const std::string piece = decoder.push(id);
      ASSERT_EQ(well_formed_bytes(piece, 0), piece.size()) << "round " << round;
      joined += piece;
    }
    joined += decoder.flush();
    ASSERT_EQ(joined, tokenizer.decode(ids, options)) << "round " << round;
  }
}

}  // namespace
}  // namespace verbatim
