#include "tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tokenizer/named_pre_tokenizers.h"
#include "tokenizer/synthetic_vocabulary.h"

namespace verbatim {
namespace {

using Ids = std::vector<std::int32_t>;

Ids encode(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options = {}) {
  auto ids = tokenizer.encode(text, options);
  EXPECT_TRUE(ids.ok()) << ids.error().message;
  return *ids;
}

std::string error_of(const TokenizerData& data) {
  const auto made = Tokenizer::create(data);
  return made.ok() ? "no error" : made.error().message;
}

TEST(ByteLevelBpe, MergesByRankThenLeftmost) {
  const Tokenizer tokenizer = make_tokenizer(byte_level_data({{"b", "c"}, {"a", "b"}, {"a", "a"}}));
  EXPECT_EQ(encode(tokenizer, "abc"), (Ids{'a', 256}));
  EXPECT_EQ(encode(tokenizer, "aaa"), (Ids{258, 'a'}));
  EXPECT_EQ(encode(tokenizer, ""), Ids{});
}

TEST(ByteLevelBpe, IgnoreMergesTakesWholePieces) {
  TokenizerData data = byte_level_data({{"a", "b"}, {"b", "c"}, {"a", "bc"}}, "gpt-2");
  EXPECT_EQ(encode(make_tokenizer(data), "abc"), (Ids{256, 'c'}));
  data.ignore_merges = true;
  EXPECT_EQ(encode(make_tokenizer(data), "abc"), Ids{258});
  EXPECT_EQ(encode(make_tokenizer(data), "abcc"), (Ids{256, 'c', 'c'}));  // not the whole piece
}

TEST(ByteLevelBpe, TheNameLlamaBpeImpliesIgnoreMergesAndBos) {
  TokenizerData data = byte_level_data({{"a", "b"}, {"b", "c"}, {"a", "bc"}}, "llama-bpe");
  data.bos = add_token(data, "<|begin_of_text|>", TokenType::control);
  EXPECT_EQ(encode(make_tokenizer(data), "abc"), (Ids{*data.bos, 258}));
  data.add_bos = false;
  EXPECT_EQ(encode(make_tokenizer(data), "abc"), Ids{258});
}

TEST(ByteLevelBpe, TheNameQwen2ImpliesNfc) {
  EXPECT_EQ(encode(make_tokenizer(byte_level_data({}, "qwen2")), "e\u0301"), (Ids{0xC3, 0xA9}));
  EXPECT_EQ(encode(make_tokenizer(byte_level_data({}, "gpt-2")), "e\u0301"), (Ids{'e', 0xCC, 0x81}));
}

TEST(ByteLevelBpe, OwnPatternsReplaceTheName) {
  TokenizerData data = byte_level_data({{"a", "b"}}, "no such name");
  data.pre_regex = {"a"};
  EXPECT_EQ(encode(make_tokenizer(data), "ab"), (Ids{'a', 'b'}));
  data.pre_regex = {"ab"};
  EXPECT_EQ(encode(make_tokenizer(data), "ab"), Ids{256});
}

TEST(ByteLevelBpe, AMissingByteBecomesUnknownOrNothing) {
  TokenizerData data = byte_level_data({{"a", "c"}});
  data.tokens['b'] = "";
  // Dropped, and still between its neighbours.
  EXPECT_EQ(encode(make_tokenizer(data), "abc"), (Ids{'a', 'c'}));
  data.unk = 'x';
  EXPECT_EQ(encode(make_tokenizer(data), "abc"), (Ids{'a', 'x', 'c'}));
}

TEST(ByteLevelBpe, RoundTripsAnyBytesUnderEveryNameButNfc) {
  std::mt19937 random(4);
  for (const NamedPreTokenizer& row : named_pre_tokenizers()) {
    const Tokenizer tokenizer = make_tokenizer(byte_level_data(
        {{"a", "b"}, {" ", "a"}, {"\xC3", "\xA9"}, {"ab", " "}, {"1", "2"}}, std::string(row.names.front())));
    for (int round = 0; round < 200; ++round) {
      std::string text(random() % 40, ' ');
      const std::size_t span = random() % 2 ? 128 : 256;  // valid ASCII half of the time
      for (char& c : text) c = static_cast<char>(random() % span);
      if (span == 256 && row.nfc) continue;
      ASSERT_EQ(tokenizer.decode_bytes(encode(tokenizer, text)), text)
          << row.names.front() << " round " << round;
    }
  }
}

TEST(SentencePiece, BestScoreFirstThenLeftmost) {
  TokenizerData data =
      sentencepiece_data({{"a", -9}, {"b", -9}, {"c", -9}, {"ab", -2}, {"bc", -1}, {"aa", -3}});
  data.add_space_prefix = false;
  const Tokenizer tokenizer = make_tokenizer(data);
  const EncodeOptions plain{.add_special = false};
  EXPECT_EQ(encode(tokenizer, "abc", plain), (Ids{259, 263}));
  EXPECT_EQ(encode(tokenizer, "aaab", plain), (Ids{264, 262}));
  EXPECT_EQ(encode(tokenizer, "aaa", plain), (Ids{264, 259}));
}

TEST(SentencePiece, CharactersThatAreNoTokensMayMergeAndElseBecomeBytes) {
  TokenizerData data = sentencepiece_data({{"\u4E2D\u6587", -1}});
  data.add_space_prefix = false;
  const Tokenizer tokenizer = make_tokenizer(data);
  const EncodeOptions plain{.add_special = false};
  EXPECT_EQ(encode(tokenizer, "\u4E2D\u6587", plain), Ids{259});
  EXPECT_EQ(encode(tokenizer, "\u4E2D", plain), (Ids{3 + 0xE4, 3 + 0xB8, 3 + 0xAD}));
  EXPECT_EQ(encode(tokenizer, "\xE4\xB8", plain), (Ids{3 + 0xE4, 3 + 0xB8}));  // ill-formed
  EXPECT_EQ(encode(tokenizer, std::string_view("\0\xFF", 2), plain), (Ids{3 + 0x00, 3 + 0xFF}));
}

TEST(SentencePiece, WithoutByteTokensACharacterIsUnknown) {
  TokenizerData data = sentencepiece_data({{"a", -1}});
  data.tokens[3 + 0xA9] = "gone";
  data.types[3 + 0xA9] = TokenType::unused;
  data.add_space_prefix = false;
  EXPECT_EQ(encode(make_tokenizer(data), "a\u00E9a", {.add_special = false}), (Ids{259, 0, 259}));
  data.unk.reset();
  EXPECT_EQ(encode(make_tokenizer(data), "a\u00E9a", {.add_special = false}), (Ids{259, 259}));
}

TEST(SentencePiece, TextCannotForgeControlOrByteTokens) {
  TokenizerData data = sentencepiece_data({{"<", -1},
                                           {"s", -1},
                                           {">", -1},
                                           {"<s", -1},
                                           {"0", -1},
                                           {"x", -1},
                                           {"A", -1},
                                           {"<0", -1},
                                           {"<0x", -1},
                                           {"<0x0", -1},
                                           {"<0x0A", -1}});
  data.add_space_prefix = false;
  const Tokenizer tokenizer = make_tokenizer(data);
  EXPECT_EQ(encode(tokenizer, "<s>", {.add_special = false}), (Ids{262, 261}));
  EXPECT_EQ(encode(tokenizer, "<s>", {.add_special = false, .parse_special = true}), Ids{1});
  EXPECT_EQ(encode(tokenizer, "<0x0A>", {.add_special = false, .parse_special = true}), (Ids{269, 261}));
}

TEST(SentencePiece, MergeListsRankByPlace) {
  TokenizerData data = sentencepiece_data({{"a", 0}, {"b", 0}, {"c", 0}, {"ab", 0}, {"bc", 0}});
  data.scores.clear();
  data.merges = {{"b", "c"}, {"a", "b"}};
  data.add_space_prefix = false;
  EXPECT_EQ(encode(make_tokenizer(data), "abc", {.add_special = false}), (Ids{259, 263}));
}

TEST(SentencePiece, SpacePrefixes) {
  TokenizerData data = sentencepiece_data({{"\u2581", -1}, {"a", -1}});
  const std::int32_t space = 259, a = 260;
  const std::int32_t tool = add_token(data, "<tool>", TokenType::user_defined);
  const EncodeOptions plain{.add_special = false};
  EXPECT_EQ(encode(make_tokenizer(data), "a<tool>a", plain), (Ids{space, a, tool, space, a}));
  EXPECT_EQ(encode(make_tokenizer(data), " a", plain), (Ids{space, space, a}));
  EXPECT_EQ(encode(make_tokenizer(data), "", plain), Ids{});
  data.space_prefix_first_only = true;
  EXPECT_EQ(encode(make_tokenizer(data), "a<tool>a", plain), (Ids{space, a, tool, a}));
  EXPECT_EQ(encode(make_tokenizer(data), "<tool>a", plain), (Ids{tool, a}));
  data.space_prefix_unless_present = true;
  EXPECT_EQ(encode(make_tokenizer(data), " a", plain), (Ids{space, a}));
  data.add_space_prefix = false;
  EXPECT_EQ(encode(make_tokenizer(data), "a", plain), Ids{a});
  data.remove_extra_whitespaces = true;
  EXPECT_EQ(encode(make_tokenizer(data), "  a  a ", plain), (Ids{a, space, a}));
}

TEST(SentencePiece, DecodeTakesTheFirstSpaceAway) {
  TokenizerData data = sentencepiece_data({{"\u2581", -1}, {"a", -1}, {"\u2581a", -1}});
  const Tokenizer tokenizer = make_tokenizer(data);
  const Ids ids = encode(tokenizer, "a a");
  EXPECT_EQ(ids, (Ids{1, 261, 261}));
  EXPECT_EQ(tokenizer.decode(ids), "a a");
  EXPECT_EQ(tokenizer.decode(ids, {.text_start = false}), " a a");
  EXPECT_EQ(tokenizer.decode(ids, {.skip_special = false}), "<s> a a");
  EXPECT_EQ(tokenizer.decode(Ids{261, 999, -1, 261}), "a a");  // ids outside the vocabulary stand for nothing
}

TEST(SpecialTokens, BosAndEos) {
  TokenizerData data = sentencepiece_data({{"a", -1}});
  data.add_space_prefix = false;
  // SentencePiece models add BOS unless the file says otherwise.
  EXPECT_EQ(encode(make_tokenizer(data), "a"), (Ids{1, 259}));
  data.add_eos = true;
  EXPECT_EQ(encode(make_tokenizer(data), "a"), (Ids{1, 259, 2}));
  EXPECT_EQ(encode(make_tokenizer(data), ""), (Ids{1, 2}));
  EXPECT_EQ(encode(make_tokenizer(data), "a", {.add_special = false}), Ids{259});
  data.add_bos = false;
  EXPECT_EQ(encode(make_tokenizer(data), "a"), (Ids{259, 2}));
  EXPECT_TRUE(make_tokenizer(data).is_stop(2));
  EXPECT_FALSE(make_tokenizer(data).is_stop(1));
  EXPECT_TRUE(make_tokenizer(data).is_special(1));
  EXPECT_FALSE(make_tokenizer(data).is_special(259));
}

TEST(AddedTokens, LongestAtTheLeftmostPlace) {
  TokenizerData data = byte_level_data();
  const auto ab = add_token(data, "ab", TokenType::user_defined);
  const auto abcd = add_token(data, "abcd", TokenType::user_defined);
  const auto bcde = add_token(data, "bcdefg", TokenType::user_defined);
  const Tokenizer tokenizer = make_tokenizer(data);
  EXPECT_EQ(encode(tokenizer, "abcdefg"), (Ids{abcd, 'e', 'f', 'g'}));
  EXPECT_EQ(encode(tokenizer, "abc"), (Ids{ab, 'c'}));
  EXPECT_EQ(encode(tokenizer, "xbcdefgab"), (Ids{'x', bcde, ab}));
  EXPECT_EQ(encode(tokenizer, "bcdef"), (Ids{'b', 'c', 'd', 'e', 'f'}));
}

TEST(AddedTokens, SpecialOnesOnlyWhenParsed) {
  TokenizerData data = byte_level_data();
  const auto end = add_token(data, "<|end|>", TokenType::control);
  const auto think = add_token(data, "<think>", TokenType::user_defined);
  const auto longer = add_token(data, "<|end|>!", TokenType::user_defined);
  const Tokenizer tokenizer = make_tokenizer(data);
  EXPECT_EQ(encode(tokenizer, "<|end|>").size(), 7u);
  EXPECT_EQ(encode(tokenizer, "<|end|>", {.parse_special = true}), Ids{end});
  EXPECT_EQ(encode(tokenizer, "<think>"), Ids{think});
  EXPECT_EQ(encode(tokenizer, "<|end|>!"), Ids{longer});
  EXPECT_EQ(tokenizer.decode(Ids{end, think, 'a'}), "<think>a");
  EXPECT_EQ(tokenizer.decode(Ids{end, think, 'a'}, {.skip_special = false}), "<|end|><think>a");
  EXPECT_EQ(tokenizer.find("<|end|>"), end);
  EXPECT_EQ(tokenizer.find("<|nothing|>"), std::nullopt);
}

TEST(AddedTokens, StripTakesWhiteSpace) {
  TokenizerData data = byte_level_data();
  const auto left = add_token(data, "<L>", TokenType::user_defined);
  const auto right = add_token(data, "<R>", TokenType::user_defined);
  data.added = {{left, false, true, false}, {right, false, false, true}};
  const Tokenizer tokenizer = make_tokenizer(data);
  EXPECT_EQ(encode(tokenizer, "a \u3000<L> b"), (Ids{'a', left, ' ', 'b'}));
  EXPECT_EQ(encode(tokenizer, "a <R> \n\u00A0b"), (Ids{'a', ' ', right, 'b'}));
  EXPECT_EQ(encode(tokenizer, "<R> <L>"), (Ids{right, left}));
  EXPECT_EQ(encode(tokenizer, " <L>"), Ids{left});
}

// What Hugging Face's tokenizers 0.23.2 makes of the same tokens and texts.
TEST(AddedTokens, NormalizedOnesAreFoundInNormalizedText) {
  TokenizerData data = byte_level_data();
  data.normalizer = "nfc";
  const auto cafe = add_token(data, "caf\u00e9", TokenType::user_defined);
  const auto raw = add_token(data, "x\u00e9", TokenType::user_defined);
  const auto na = add_token(data, "na\u0308", TokenType::user_defined);
  const auto special = add_token(data, "<s\u00e9>", TokenType::control);
  data.added = {{.id = cafe, .special = false, .normalized = true},
                {.id = na, .special = false, .lstrip = true, .normalized = true},
                {.id = special, .normalized = true}};
  const Tokenizer tokenizer = make_tokenizer(data);
  EXPECT_EQ(encode(tokenizer, "caf\u00e9"), Ids{cafe});
  EXPECT_EQ(encode(tokenizer, "cafe\u0301!"), (Ids{cafe, '!'}));
  EXPECT_EQ(encode(tokenizer, "x\u00e9"), Ids{raw});
  EXPECT_EQ(encode(tokenizer, "xe\u0301"), (Ids{'x', 0xC3, 0xA9}));
  EXPECT_EQ(encode(tokenizer, "a na\u0308b"), (Ids{'a', na, 'b'}));
  EXPECT_EQ(encode(tokenizer, "a n\u00e4b"), (Ids{'a', na, 'b'}));
  EXPECT_EQ(encode(tokenizer, "<se\u0301>", {.parse_special = true}), Ids{special});
  EXPECT_EQ(encode(tokenizer, "<se\u0301>").size(), 5u);
  EXPECT_EQ(encode(tokenizer, "cafcaf\u00e9x\u00e9"), (Ids{'c', 'a', 'f', cafe, raw}));
}

// The same library's, where the normaliser is SentencePiece's: a space in front, then U+2581 for spaces.
TEST(AddedTokens, NormalizedOnesHaveTheSpaceOfSentencePieceInFront) {
  TokenizerData data = sentencepiece_data({{"\u2581", -9},
                                           {"a", -9},
                                           {"b", -9},
                                           {"d", -9},
                                           {"e", -9},
                                           {"<", -9},
                                           {"s", -9},
                                           {">", -9},
                                           {"\u2581a", -1}});
  const auto id = [&](std::string_view text) {
    return static_cast<std::int32_t>(std::ranges::find(data.tokens, text) - data.tokens.begin());
  };
  data.merges = {{"\u2581", "a"}};
  data.normalizer = "spaces";
  const auto de = add_token(data, "de", TokenType::user_defined);
  data.added = {{.id = 1, .normalized = true}, {.id = de, .special = false, .normalized = true}};
  const Tokenizer tokenizer = make_tokenizer(data);
  const auto of = [&](std::string_view text) {
    return encode(tokenizer, text, {.add_special = false, .parse_special = true});
  };
  const std::int32_t space = id("\u2581"), space_a = id("\u2581a");
  EXPECT_EQ(of("<s>a"), (Ids{1, id("a")}));
  EXPECT_EQ(of("a<s>b"), (Ids{space_a, id("<"), id("s"), id(">"), id("b")}));
  EXPECT_EQ(of("a <s>b"), (Ids{space_a, 1, id("b")}));
  EXPECT_EQ(of("a</s>b"), (Ids{space_a, 2, space, id("b")}));
  EXPECT_EQ(of("a</s><s>b"), (Ids{space_a, 2, 1, id("b")}));
  EXPECT_EQ(of("de"), Ids{de});
  EXPECT_EQ(of(" de"), (Ids{space, de}));
  EXPECT_EQ(of("ade"), (Ids{space_a, id("d"), id("e")}));
  EXPECT_EQ(of("a de"), (Ids{space_a, de}));
  EXPECT_EQ(of("<s> a"), (Ids{1, space_a}));
}

TEST(AddedTokens, AMergeIntoASpecialTokenIsLeftOut) {
  TokenizerData data = byte_level_data({{"a", "b"}});
  data.types[256] = TokenType::control;
  EXPECT_EQ(encode(make_tokenizer(data), "ab"), (Ids{'a', 'b'}));
  data.ignore_merges = true;
  EXPECT_EQ(encode(make_tokenizer(data), "ab"), (Ids{'a', 'b'}));
}

TEST(Create, ErrorsNameTheField) {
  const TokenizerData good = byte_level_data({{"a", "b"}});
  TokenizerData data = good;
  data.pre_tokenizer = "gpt-5";
  EXPECT_EQ(error_of(data), "tokenizer.ggml.pre is 'gpt-5', a pre-tokenizer that is not known here");
  data = good;
  data.types.pop_back();
  EXPECT_EQ(error_of(data), "tokenizer.ggml.token_type has 256 entries for 257 tokens");
  data = good;
  data.merges.emplace_back("a", "z");
  EXPECT_EQ(error_of(data),
            "tokenizer.ggml.merges[1] 'a z' uses or makes a token that tokenizer.ggml.tokens lacks");
  data = good;
  data.eos = 257;
  EXPECT_EQ(error_of(data), "tokenizer.ggml.eos_token_id is 257, outside the vocabulary of 257 tokens");
  data = good;
  data.add_bos = true;
  EXPECT_EQ(error_of(data),
            "tokenizer.ggml.add_bos_token is true, but there is no tokenizer.ggml.bos_token_id");
  data = good;
  data.normalizer = "nfkc";
  EXPECT_EQ(error_of(data), "the tokenizer's normalizer 'nfkc' is not supported (supported: nfc, spaces)");
  data = good;
  data.added = {{-1}};
  EXPECT_EQ(error_of(data), "added token -1 lies outside the vocabulary of 257 tokens");
  EXPECT_EQ(error_of({}), "the file holds no tokenizer of a supported kind");

  data = sentencepiece_data({{"a", -1}});
  data.scores.clear();
  EXPECT_EQ(error_of(data), "tokenizer.ggml.scores is missing, and there are no merges to use in its place");
  data = sentencepiece_data({{"a", std::nanf("")}});
  EXPECT_EQ(error_of(data), "tokenizer.ggml.scores[259] is not a number");
  data = sentencepiece_data({{std::string(5000, 'a'), 0}});
  EXPECT_EQ(error_of(data), "tokenizer.ggml.tokens[259] is 5000 bytes long; at most 4096 are supported");
  data = sentencepiece_data({});
  data.tokens[3] = "<0xZZ>";
  EXPECT_EQ(error_of(data),
            "token 3 '<0xZZ>' has type byte in tokenizer.ggml.token_type but is not spelled <0xXX>");
}

// Units of work are counted in pieces and merges: the question is put all along, and the last answer ends the work.
TEST(Tokenizer, StopsAsSoonAsItIsTold) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += " ab" + std::to_string(i % 1000);
  TokenizerData with_tokens = byte_level_data();
  add_token(with_tokens, " ", TokenType::user_defined);
  for (const TokenizerData& data :
       {byte_level_data({{"a", "b"}}, "gpt-2"), byte_level_data({{"a", "b"}}),
        sentencepiece_data({{"a", -1.0f}, {"b", -1.0f}, {"ab", -2.0f}}), with_tokens}) {
    const Tokenizer tokenizer = make_tokenizer(data);
    int asked = 0;
    const auto never = [&] { return ++asked < 0; };
    EXPECT_EQ(*tokenizer.encode(text, {}, Stop(never)), encode(tokenizer, text));
    const int all = asked;
    EXPECT_GE(all, 20'000 / Stop::kUnits);
    for (int last : {1, all / 2, all}) {
      asked = 0;
      const auto when = [&] { return ++asked == last; };
      EXPECT_FALSE(tokenizer.encode(text, {}, Stop(when)).ok()) << last << " of " << all;
      EXPECT_EQ(asked, last);
    }
  }
}

}  // namespace
}  // namespace verbatim
