#include "base/utf8.h"

#include <gtest/gtest.h>

namespace verbatim {
namespace {

using Form = Utf8Char::Form;

// Every scalar value survives a round trip, and every surrogate and overlong form is refused.
TEST(Utf8, EveryCodePoint) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(c, text);
    const Utf8Char read = read_utf8(text, 0);
    ASSERT_TRUE(read.form == Form::well_formed && read.bytes == text.size() && read.code_point == c)
        << "U+" << std::hex << static_cast<unsigned>(c) << " was read as U+"
        << static_cast<unsigned>(read.code_point);
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      const Utf8Char part = read_utf8(std::string_view(text).substr(0, cut), 0);
      ASSERT_TRUE(part.form == Form::cut_short && part.bytes == cut)
          << "U+" << std::hex << static_cast<unsigned>(c);
    }
  }
}

// The Unicode Standard 15.0, tables 3-8, 3-9, 3-10 and 3-11.
TEST(Utf8, MaximalSubpartsOfTheStandard) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(replace_ill_formed("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replace_ill_formed("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replace_ill_formed("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(replace_ill_formed("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
}

TEST(Utf8, RunsAlternate) {
  const std::string text = "ab\xFF\xE1\x80z";
  EXPECT_EQ(well_formed_bytes(text, 0), 2u);
  EXPECT_EQ(well_formed_bytes(text, 2), 0u);
  EXPECT_EQ(ill_formed_bytes(text, 2), 3u);
  EXPECT_EQ(well_formed_bytes(text, 5), 1u);
  EXPECT_EQ(ill_formed_bytes(text, 6), 0u);
}

TEST(Utf8, CutShortBytes) {
  EXPECT_EQ(cut_short_bytes(""), 0u);
  EXPECT_EQ(cut_short_bytes("a"), 0u);
  EXPECT_EQ(cut_short_bytes("a\xC3"), 1u);
  EXPECT_EQ(cut_short_bytes("a\xE2\x82"), 2u);
  EXPECT_EQ(cut_short_bytes("\xF0\x9F\x98"), 3u);
  EXPECT_EQ(cut_short_bytes("\xF0\x9F\x98\x81"), 0u);
  EXPECT_EQ(cut_short_bytes("\x98\x98"), 0u);      // no lead byte: already certain to be ill-formed
  EXPECT_EQ(cut_short_bytes("\xE0\x80"), 0u);      // overlong
  EXPECT_EQ(cut_short_bytes("\xE2\x82\xE2"), 1u);  // the first one is over
}

}  // namespace
}  // namespace verbatim
