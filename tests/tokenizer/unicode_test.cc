// Tokens do not depend on the Unicode tables of the libraries at hand.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/unicode.h"

#include <gtest/gtest.h>
#include <pcre2.h>

#include <array>

#include "base/utf8.h"
#include "tokenizer/named_pre_tokenizers.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"

namespace verbatim {
namespace {

using unicode::Category;

constexpr const char* kNames[] = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc",
                                  "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs"};

std::string text_of(std::u32string_view characters) {
  std::string text;
  for (char32_t c : characters) append_utf8(c, text);
  return text;
}

std::vector<std::string> pieces_of(const std::string& pattern, const std::string& text) {
  const PreTokenizer splitter = *PreTokenizer::create(std::vector{pattern});
  EXPECT_EQ(splitter.library_version(), "") << pattern;
  const auto pieces = *splitter.split(text);
  return {pieces.begin(), pieces.end()};
}

std::string version_of_pcre2() {
  std::array<char, 64> version{};
  pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version.data());
  return version.data();
}

// Whatever PCRE2 knows of a code point: the pattern of its category matches it, and no other's does.
TEST(Unicode, PatternsSeeOurCategories) {
  std::array<std::string, unicode::kCategories> inside, outside;
  for (char32_t c = 1; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    for (std::size_t i = 0; i < std::size(kNames); ++i)
      append_utf8(c, (unicode::category_of(c) == static_cast<Category>(i) ? inside : outside)[i]);
  }
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    const std::string pattern = fmt::format("\\p{{{}}}+", kNames[i]);
    EXPECT_GT(inside[i].size(), 1u);
    EXPECT_EQ(pieces_of(pattern, inside[i]).size(), 1u) << pattern << " leaves out some";
    EXPECT_EQ(pieces_of(pattern, "!" + inside[i] + "!").size(), kNames[i] == std::string("Po") ? 1u : 3u)
        << pattern;
    EXPECT_EQ(pieces_of(pattern, outside[i]).size(), 1u) << pattern << " matches others";
  }
}

// A stand-in has the length of what it stands for, and stands for itself.
TEST(Unicode, StandInsAreWhatTheyStandFor) {
  for (char32_t c = 1; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    const char32_t stand_in = unicode::stand_in(c);
    ASSERT_EQ(text_of({&stand_in, 1}).size(), text_of({&c, 1}).size()) << std::hex << +c;
    ASSERT_EQ(unicode::stand_in(stand_in), stand_in) << std::hex << +c;
    const bool nameless = !unicode::is_assigned(c) && c < 0x800;
    ASSERT_TRUE(nameless || unicode::category_of(stand_in) == unicode::category_of(c)) << std::hex << +c;
  }
}

// Tables that differ: these came with Unicode 15.0, and others after it, whatever the library has.
TEST(Unicode, NewCharactersAreOfOurVersion) {
  EXPECT_EQ(pieces_of("\\p{L}+", text_of(U"1\U00011F02\U0001DF25\U0001E0301")).size(), 3u) << "of 15.0";
  EXPECT_EQ(pieces_of("\\p{M}+", text_of(U"a\U00010EFDa")).size(), 3u) << "of 15.0";
  for (char32_t later : {0x2EBF0, 0xA7DA, 0x1C89, 0x10D4A, 0x105C0})  // of 15.1 and 16.0
    EXPECT_EQ(pieces_of("\\p{L}+", text_of({&later, 1}) + "1").size(), 1u) << std::hex << +later;
}

// What is not assigned has no normal form but itself, and parts what stands around it.
TEST(Unicode, NormalFormsAreOfOurVersion) {
  EXPECT_EQ(normalize_nfc(text_of(U"e\u0301")), text_of(U"\u00E9"));
  EXPECT_EQ(normalize_nfc(text_of(U"e\u0897\u0301")), text_of(U"e\u0897\u0301")) << "a mark of 16.0";
  EXPECT_EQ(normalize_nfc(text_of(U"\U00010D6A\u0323\u0307")), text_of(U"\U00010D6A\u0323\u0307"));
}

TEST(Unicode, PatternsThatNeedMoreThanCategoriesSaySo) {
  auto version = [](const std::string& pattern) {
    const auto splitter = PreTokenizer::create(std::vector{pattern});
    EXPECT_TRUE(splitter.ok()) << pattern;
    return splitter->library_version();
  };
  for (const char* pattern : {"\\p{Han}+", "[一-龥]", "é", "\\x{E9}", "\\bword", "[[:alpha:]]", "\\X",
                              "[\\W]", "\\p{Cn}", "\\P{Greek}", "\\R"})
    EXPECT_EQ(version(pattern), version_of_pcre2()) << pattern;
  for (const char* pattern :
       {"\\p{L}+", "\\pN", "[^\\s\\p{^Lu}]", "\\w+", "[\\w\\d]", "\\W", "(?i:'s|k)", "[^\\r\\n]"})
    EXPECT_EQ(version(pattern), "") << pattern;
  for (const char* name : {"gpt-2", "llama-bpe", "qwen2", "gpt-4o", "tekken", "smollm", "deepseek-v3"}) {
    const PreTokenizer splitter = *PreTokenizer::create(find_pre_tokenizer(name)->patterns);
    EXPECT_EQ(splitter.library_version(), name == std::string("deepseek-v3") ? version_of_pcre2() : "")
        << name;
  }
}

// As PCRE2 10.42 has them: letters, numbers and the low line; decimal digits.
TEST(Unicode, WordsAndDigitsAreCategories) {
  EXPECT_EQ(pieces_of("\\w+", "a\u00E9_1\u0301-b").size(), 3u);
  EXPECT_EQ(pieces_of("[\\w!]+", "a!\u00E9 b").size(), 3u);
  EXPECT_EQ(pieces_of("\\W+", "ab\u0301 c").size(), 3u);
  EXPECT_EQ(pieces_of("\\d+", "a1\u0661\u00B2").size(), 3u);
  EXPECT_EQ(pieces_of("\\D+", "1a\u00B22").size(), 3u);
}

// (?i) takes in the two letters that fold to ASCII.
TEST(Unicode, FoldsToAsciiAreSeen) {
  EXPECT_EQ(pieces_of("(?i:'s)", "a'\u017Fb").size(), 3u);
  EXPECT_EQ(pieces_of("(?i:k)", "a\u212Ab").size(), 3u);
}

}  // namespace
}  // namespace verbatim
