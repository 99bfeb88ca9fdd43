#include "tokenizer/normalizer.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <cstdlib>
#include <random>

#include "base/utf8.h"

namespace verbatim {
namespace {

TEST(Nfc, ComposesAndOrders) {
  EXPECT_EQ(normalize_nfc("plain"), "plain");
  EXPECT_EQ(normalize_nfc("e\u0301"), "\u00E9");
  EXPECT_EQ(normalize_nfc("\u212B\u2126\u212A"), "\u00C5\u03A9K");  // singletons
  EXPECT_EQ(normalize_nfc("\u1112\u1161\u11AB"), "\uD55C");         // Hangul
  EXPECT_EQ(normalize_nfc("q\u0307\u0323"), "q\u0323\u0307");       // order by combining class
  EXPECT_EQ(normalize_nfc("\u0958"), "\u0915\u093C");               // composition exclusion
  EXPECT_EQ(normalize_nfc("\uFB01\u00BD"), "\uFB01\u00BD");         // compatibility forms stay
}

TEST(Nfc, IllFormedBytesStay) {
  EXPECT_EQ(normalize_nfc("e\u0301\xFF"
                          "e\u0301\xE4\xB8"),
            "\u00E9\xFF\u00E9\xE4\xB8");
  EXPECT_EQ(normalize_nfc("e\xFF\u0301"), "e\xFF\u0301");  // they part what stands on either side
}

// Against utf8proc's own NFC, over random texts rich in combining marks.
TEST(Nfc, EqualsUtf8procOnRandomTexts) {
  std::mt19937 random(3);
  const std::u32string interesting =
      U"aeoq\u0300\u0301\u0316\u0323\u0327\u0345\u05B0\u0F71\u0F72\u1100\u1161\u11A8"
      U"\u00E9\u1E69\u0958\u212B\u2ADC\u3099\u304B\U0001D15E\U0001D165 \u4E2D";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (std::size_t n = random() % 12; n > 0; --n)
      append_utf8(interesting[random() % interesting.size()], text);
    auto* expected = utf8proc_NFC(reinterpret_cast<const utf8proc_uint8_t*>(text.c_str()));
    ASSERT_NE(expected, nullptr);
    ASSERT_EQ(normalize_nfc(text), reinterpret_cast<const char*>(expected)) << "round " << round;
    std::free(expected);
  }
}

TEST(Spaces, EscapeAndBack) {
  EXPECT_EQ(escape_spaces(" a  b"), "\u2581a\u2581\u2581b");
  EXPECT_EQ(unescape_spaces("\u2581a\u2581\u2581b"), " a  b");
  EXPECT_EQ(escape_spaces("a\tb"), "a\tb");
}

TEST(Spaces, RemoveExtra) {
  EXPECT_EQ(remove_extra_spaces("  a   b "), "a b");
  EXPECT_EQ(remove_extra_spaces("   "), "");
  EXPECT_EQ(remove_extra_spaces("a\n  b"), "a\n b");
}

}  // namespace
}  // namespace verbatim
