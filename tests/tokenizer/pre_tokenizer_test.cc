#include "tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "tokenizer/named_pre_tokenizers.h"

namespace verbatim {
namespace {

using Pieces = std::vector<std::string>;

PreTokenizer make_pre_tokenizer(const std::vector<std::string>& patterns) {
  Result<PreTokenizer> made = PreTokenizer::create(patterns);
  EXPECT_TRUE(made.ok()) << made.error().message;
  return *std::move(made);
}

Pieces split(const PreTokenizer& pre_tokenizer, std::string_view text) {
  auto pieces = pre_tokenizer.split(text);
  EXPECT_TRUE(pieces.ok()) << pieces.error().message;
  return {pieces->begin(), pieces->end()};
}

Pieces split_by(const std::vector<std::string>& patterns, std::string_view text) {
  return split(make_pre_tokenizer(patterns), text);
}

struct Case {
  std::string_view name;
  std::string_view text;
  Pieces pieces;
};

// Each row is a boundary that the name's patterns draw and some other name's do not.
const Case kCases[] = {
    // Numbers: whole, by threes, one by one.
    {"gpt-2", "a12345 67", {"a", "12345", " 67"}},
    {"llama-bpe", "a12345 67", {"a", "123", "45", " ", "67"}},
    {"qwen2", "a123 4", {"a", "1", "2", "3", " ", "4"}},
    {"starcoder", "a123 4", {"a", "1", "2", "3", " ", "4"}},
    {"smollm", "x 12", {"x", " ", "1", "2"}},
    {"refact", "x12", {"x", "1", "2"}},
    {"command-r", "x12", {"x", "1", "2"}},
    {"falcon", "a12345 6789", {"a", "123", "45", " ", "678", "9"}},
    {"default", "a12345", {"a", "123", "45"}},
    {"deepseek-llm", "a12345", {"a", "12345"}},
    {"deepseek-coder", "a123", {"a", "1", "2", "3"}},
    {"deepseek-v3", "a12345", {"a", "123", "45"}},
    {"gpt-4o", "a12345", {"a", "123", "45"}},
    {"tekken", "a123", {"a", "1", "2", "3"}},
    {"qwen2", "\u0663\u00B2", {"\u0663", "\u00B2"}},  // any number of Unicode's, not only digits
    {"llama-bpe", "\u0663\u0664\u0665\u0666", {"\u0663\u0664\u0665", "\u0666"}},
    // Contractions: GPT-2's are lower case only, cl100k's any case, o200k's belong to the word.
    {"gpt-2", "I'll I'LL", {"I", "'ll", " I", "'", "LL"}},
    {"llama-bpe", "I'll I'LL", {"I", "'ll", " I", "'LL"}},
    {"qwen2", "We'Ve", {"We", "'Ve"}},
    {"gpt-4o", "I'll I'LL", {"I'll", " I'LL"}},
    {"tekken", "I'll", {"I", "'ll"}},
    {"default", "I'll", {"I", "'", "ll"}},  // punctuation goes first
    {"falcon", "I'll", {"I", "'", "ll"}},
    // White space: the last one of a run joins the word; newlines.
    {"gpt-2", "a   b", {"a", "  ", " b"}},
    {"gpt-2", "a  ", {"a", "  "}},
    {"gpt-2", "a\n\nb", {"a", "\n", "\n", "b"}},
    {"llama-bpe", "a\n\nb", {"a", "\n\n", "b"}},
    {"llama-bpe", "a  \n b", {"a", "  \n", " b"}},
    {"qwen2", "a\r\n\tb", {"a", "\r\n", "\tb"}},
    {"deepseek-llm", "a\n\nb", {"a", "\n", "\n", "b"}},
    {"deepseek-coder", "a\n b", {"a", "\n", " b"}},
    {"deepseek-llm", "a   ", {"a", "   "}},
    {"deepseek-llm", "a   \x01", {"a", "   \x01"}},
    {"gpt-2", "a\u00A0\u3000b", {"a", "\u00A0", "\u3000", "b"}},
    {"gpt-2", "\u180E\u180Eb", {"\u180E\u180E", "b"}},  // U+180E is not white space
    // Punctuation.
    {"gpt-2", "a!? ?!b", {"a", "!?", " ?!", "b"}},
    {"llama-bpe", "(a) .\n\nb", {"(a", ")", " .\n\n", "b"}},
    {"tekken", "a/\n/b", {"a", "/\n/", "b"}},
    {"gpt-4o", "a./b", {"a", "./", "b"}},
    {"deepseek-v3", "#include <a>", {"#include", " <", "a", ">"}},
    {"deepseek-llm", "a, b\uFF0C\uFF01c", {"a", ",", " b", "\uFF0C\uFF01", "c"}},
    {"deepseek-llm", "\u3002\uFF01", {"\u3002", "\uFF01"}},  // its CJK range begins at U+0800
    {"deepseek-coder", "a == b", {"a", " ==", " b"}},        // '=' is a symbol, not punctuation: a gap
    {"falcon", "a`b", {"a", "`", "b"}},
    {"falcon", "a $$ b", {"a", " ", "$$", " b"}},
    {"default", "a $$ b", {"a", " ", "$$", " b"}},
    // Letters: case, marks, scripts.
    {"llama-bpe", "HelloWorld", {"HelloWorld"}},
    {"tekken", "HelloWorld HTTPServer", {"Hello", "World", " HTTPServer"}},
    {"gpt-4o", "helloWorld", {"hello", "World"}},
    {"qwen2", "e\u0301a", {"e", "\u0301a"}},
    {"qwen35", "e\u0301a", {"e\u0301a"}},
    {"gpt-4o", "e\u0301a", {"e\u0301a"}},
    {"deepseek-v3", "e\u0301a", {"e\u0301a"}},
    {"deepseek-llm", "ab\u4E2D\u6587c", {"ab", "\u4E2D\u6587", "c"}},
    {"deepseek-coder", "ab\u4E2D\u6587c", {"ab", "\u4E2D\u6587", "c"}},
    {"deepseek-v3", "ab\u4E2D\u3042c", {"ab", "\u4E2D\u3042", "c"}},
    {"deepseek-llm", "\u2126\u212A x", {"\u2126\u212A", " x"}},  // OHM SIGN, KELVIN SIGN
    {"deepseek-r1-qwen", "a1\nb", {"a", "1", "\n", "b"}},
    {"none", "a b 12\n", {"a b 12\n"}},
};

TEST(NamedPreTokenizers, Boundaries) {
  for (const Case& c : kCases) {
    const NamedPreTokenizer* named = find_pre_tokenizer(c.name);
    ASSERT_NE(named, nullptr) << c.name;
    EXPECT_EQ(split_by(named->patterns, c.text), c.pieces) << c.name << " on '" << c.text << "'";
  }
}

TEST(NamedPreTokenizers, EachRowHasABoundaryCase) {
  for (const NamedPreTokenizer& row : named_pre_tokenizers()) {
    const bool tested = std::any_of(std::begin(kCases), std::end(kCases),
                                    [&](const Case& c) { return find_pre_tokenizer(c.name) == &row; });
    const bool same_patterns = row.patterns == find_pre_tokenizer("llama-bpe")->patterns;
    EXPECT_TRUE(tested || same_patterns) << row.names.front();
  }
}

TEST(NamedPreTokenizers, NamesAreUniqueAndUnknownOnesAreNotFound) {
  for (const NamedPreTokenizer& row : named_pre_tokenizers()) {
    for (std::string_view name : row.names) EXPECT_EQ(find_pre_tokenizer(name), &row) << name;
  }
  EXPECT_EQ(find_pre_tokenizer("gpt-5"), nullptr);
  EXPECT_EQ(find_pre_tokenizer(""), nullptr);
}

// Joined, the pieces are the text, whatever bytes it has.
TEST(NamedPreTokenizers, PiecesJoinToTheText) {
  std::mt19937 random(2);
  const std::string alphabet = "aZ'sS1 9\n\r\t.,!/_ \xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x81\xCC\x81\xFF\x80";
  for (const NamedPreTokenizer& row : named_pre_tokenizers()) {
    const PreTokenizer pre_tokenizer = make_pre_tokenizer(row.patterns);
    for (int round = 0; round < 200; ++round) {
      std::string text(random() % 50, ' '), joined;
      for (char& c : text) c = alphabet[random() % alphabet.size()];
      for (const std::string& piece : split(pre_tokenizer, text)) {
        EXPECT_FALSE(piece.empty());
        joined += piece;
      }
      ASSERT_EQ(joined, text) << row.names.front() << " round " << round;
    }
  }
}

// Texts on which a pattern that backtracks would show: each row must finish, and without meeting a limit.
TEST(NamedPreTokenizers, LongTextsNeedNoBacktracking) {
  constexpr std::size_t kBytes = 1 << 16;
  for (const NamedPreTokenizer& row : named_pre_tokenizers()) {
    const PreTokenizer pre_tokenizer = make_pre_tokenizer(row.patterns);
    for (const std::string unit :
         {"a", "A", "Aa", "1", " ", "\n", " \n", "'", "!", "\u0301", "\u4E2D", "a\u0301"}) {
      for (const std::string end : {"", "\x01", "a", "!", "\n"}) {
        std::string text, joined;
        while (text.size() < kBytes) text += unit;
        text += end;
        for (const std::string& piece : split(pre_tokenizer, text)) joined += piece;
        ASSERT_EQ(joined, text) << row.names.front() << " on '" << unit << "' then '" << end << "'";
      }
    }
  }
}

TEST(PreTokenizer, PatternsApplyInTurnEachToThePiecesAlone) {
  // In "ab1 2" the second pattern sees " " as a whole text, so its lookahead meets the end there.
  EXPECT_EQ(split_by({R"([0-9])", R"(\s+(?!\S)|\w+)"}, "ab1 2"), (Pieces{"ab", "1", " ", "2"}));
}

TEST(PreTokenizer, AnEmptyMatchOnlyCuts) {
  EXPECT_EQ(split_by({R"((?=(?:\d{3})+(?!\d)))"}, "1234567"), (Pieces{"1", "234", "567"}));
  EXPECT_EQ(split_by({R"((?=\x{E9}))"}, "a\u00E9\u00E9"), (Pieces{"a", "\u00E9", "\u00E9"}));
}

TEST(PreTokenizer, IllFormedRunsArePieces) {
  EXPECT_EQ(split_by({R"(\w+)"},
                     "ab\xFF\xE4\xB8"
                     "cd"),
            (Pieces{"ab", "\xFF\xE4\xB8", "cd"}));
  EXPECT_EQ(split_by({}, "ab\xFF"), (Pieces{"ab\xFF"}));
  EXPECT_EQ(split_by({}, ""), Pieces{});
  EXPECT_EQ(split_by({R"(\w+)"}, ""), Pieces{});
}

TEST(PreTokenizer, WhiteSpaceIsTheUnicodeProperty) {
  EXPECT_EQ(split_by({R"([\s]+)"}, "a\u0085\u180Eb"), (Pieces{"a", "\u0085", "\u180Eb"}));
  // An escaped backslash stays one.
  EXPECT_EQ(split_by({R"(\\s)"}, R"(a\sb c)"), (Pieces{"a", R"(\s)", "b c"}));
}

TEST(PreTokenizer, RefusalsNameThePattern) {
  for (const std::string pattern : {"(", R"([a&&b])", R"([a[b]])", R"(\C)", "[[:alpha:][b]]"}) {
    const auto made = PreTokenizer::create(std::vector{pattern});
    ASSERT_FALSE(made.ok()) << pattern;
    EXPECT_NE(made.error().message.find("'" + pattern + "'"), std::string::npos) << made.error().message;
  }
  for (const std::string pattern : {R"([[:alpha:]])", R"([]a])", R"([^]a])", R"([\[&\]&])"}) {
    EXPECT_TRUE(PreTokenizer::create(std::vector{pattern}).ok()) << pattern;
  }
}

// Exponential backtracking ends in an error that names the pattern, not in a hang.
TEST(PreTokenizer, RunawayPatternsAreStopped) {
  const PreTokenizer runaway = make_pre_tokenizer({R"((?:a+)+$)"});
  const auto pieces = runaway.split(std::string(64, 'a') + "!");
  ASSERT_FALSE(pieces.ok());
  EXPECT_NE(pieces.error().message.find("(?:a+)+$"), std::string::npos) << pieces.error().message;
}

// A repeated group keeps a backtracking point per turn: more than the compiled code's stack holds.
TEST(PreTokenizer, DeepBacktrackingFallsBackToTheInterpreter) {
  const std::string text(50000, 'a');
  EXPECT_EQ(split_by({R"((?:(a)|b)+)"}, text), Pieces{text});
}

}  // namespace
}  // namespace verbatim
