// The constraint's promises: what may end is JSON that satisfies the schema, masks are exact, and nothing but
// the bytes so far matters.
#include "constrain/constraint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <thread>

#include "constrain/random_schema.h"
#include "constrain/texts.h"
#include "constrain/validator.h"
#include "load/checkpoint.h"
#include "source_path.h"

namespace verbatim {
namespace {

using nlohmann::ordered_json;

// The 256 bytes, then longer tokens such as vocabularies have: structure, words, spaces, characters of several
// bytes whole and cut, ill-formed bytes, one token twice.
std::vector<std::string> small_vocabulary() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
  for (const char* token :
       {"{\"",    "\":",    "\": ",     "\",",      "\", \"",       "\"}",        "}}",       "]}",
        "],",     "{}",     "[]",       "[[",       "]]",           "null",       "true",     "nu",
        "ll",     "false,", "12",       "0.5",      "-1",           ", ",         "\n ",      "\n  \"",
        "ab",     "abc",    "a\"",      "aaaaaaaa", "hello world",  "é",          "éa",       "\xC3",
        "\xA9x",  "日本",   "\xE6\x97", "\xA5\xE6", "\xF0\x9F\x98", "\x98\x80\"", "\xC0\x80", "\xED\xA0\x80",
        "\\n",    "\\\"",   "\\u00",    "\\ud83d",  "\\ude00",      "\"\\",       "\x01",     "ab",
        "k\": 1", "   ",    "x-y",      "20-x"})
    tokens.push_back(token);
  tokens.push_back("");  // a token without bytes
  return tokens;
}

std::shared_ptr<const TokenTrie> vocabulary_of(const std::vector<std::string>& tokens) {
  return std::make_shared<const TokenTrie>(std::vector<std::string_view>(tokens.begin(), tokens.end()));
}

TEST(Constraint, RandomTextsSatisfyRandomSchemas) {
  const std::vector<std::string> tokens = small_vocabulary();
  const auto vocabulary = vocabulary_of(tokens);
  int made = 0, texts = 0, unsatisfiable = 0, refused = 0;
  for (std::uint32_t seed = 0; seed < 1500; ++seed) {
    const ordered_json schema = RandomSchema(seed).make();
    const auto constraint = Constraint::json_schema(schema, vocabulary);
    if (!constraint.ok()) {
      const std::string& why = constraint.error().message;
      const bool no_value = why.find("satisfied by no value") != std::string::npos;
      ASSERT_TRUE(no_value || why.find("has enum or const beside") != std::string::npos) << why << "\n"
                                                                                         << schema;
      ++(no_value ? unsatisfiable : refused);
      continue;
    }
    ++made;
    std::mt19937 random(seed);
    for (int round = 0; round < 6; ++round) {
      const std::string text = random_text(*constraint, tokens, random);
      if (text.empty()) continue;
      ++texts;
      const ordered_json value = ordered_json::parse(text, nullptr, false);
      ASSERT_FALSE(value.is_discarded()) << "not JSON: " << text << "\n" << schema;
      ASSERT_TRUE(Validator(schema).accepts(value)) << text << "\ndoes not satisfy\n" << schema;
    }
  }
  EXPECT_GT(made, 1000);
  EXPECT_GT(texts, 5000);
  std::printf("%d schemas, %d texts; %d schemas without a value, %d refused\n", made, texts, unsatisfiable,
              refused);
}

// Values that the schema's own texts hold are accepted again when another writer spells them.
TEST(Constraint, AcceptsWhatItWroteInCompactForm) {
  const std::vector<std::string> tokens = small_vocabulary();
  const auto vocabulary = vocabulary_of(tokens);
  int accepted = 0, of = 0;
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    const auto constraint = Constraint::json_schema(RandomSchema(seed).make(), vocabulary);
    if (!constraint.ok()) continue;
    std::mt19937 random(seed + 7);
    const std::string text = random_text(*constraint, tokens, random);
    if (text.find_first_of("eE.\\") != std::string::npos || text.empty())
      continue;  // numbers and escapes have many spellings
    ++of;
    const std::string compact = ordered_json::parse(text).dump();
    accepted += verdict(*constraint, compact) == Verdict::accepted ? 1 : 0;
    // Free names may occur twice in a text, and parsing keeps one.
  }
  EXPECT_GT(of, 100);
  EXPECT_GT(accepted, of * 95 / 100);
}

TEST(Constraint, MasksAreWhatTryingEveryTokenGives) {
  const std::vector<std::string> tokens = small_vocabulary();
  const auto vocabulary = vocabulary_of(tokens);
  int states = 0;
  for (std::uint32_t seed = 0; seed < 500; ++seed) {
    const auto constraint = Constraint::json_schema(RandomSchema(seed).make(), vocabulary);
    if (!constraint.ok()) continue;
    std::mt19937 random(seed);
    ConstraintState state(*constraint);
    for (int step = 0; step < 60 && !state.must_end(); ++step, ++states) {
      const auto mask = state.allowed();
      std::vector<std::size_t> allowed;
      for (std::size_t token = 0; token < tokens.size(); ++token) {
        const bool fits = !tokens[token].empty() && ConstraintState(state).advance(tokens[token]);
        ASSERT_EQ(is_allowed(*mask, token), fits)
            << "seed " << seed << " step " << step << " token " << tokens[token];
        if (fits) allowed.push_back(token);
      }
      if (allowed.empty()) break;
      ASSERT_TRUE(state.advance(tokens[allowed[random() % allowed.size()]]));
    }
  }
  EXPECT_GT(states, 5000);
}

// Real vocabularies: at every place of a text, every token. Special tokens are never allowed.
TEST(Constraint, MasksOfRealVocabularies) {
  for (const char* name : {"llama-spm", "gpt-2"}) {
    const std::string path = source_path(fmt::format("../shared/tokenizers/ggml-vocab-{}.gguf", name));
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
    const auto checkpoint = open_checkpoint(path);
    const auto tokenizer = Tokenizer::create(checkpoint->tokenizer);
    const auto constraint = Constraint::json_schema(
        ordered_json::parse(R"({"properties":{"name":{"type":"string","maxLength":9},"n":{"type":"integer"},
            "code":{"pattern":"^[A-Z]{2,3}-.+$"}},"required":["name"],"additionalProperties":true})"),
        std::make_shared<const TokenTrie>(*tokenizer));
    const std::string text = R"({"name": "Ada é日\n", "n": 12, "code": "AB-é", "x": [null]})";
    ConstraintState state(*constraint);
    for (std::size_t at = 0; at <= text.size(); ++at) {
      const auto mask = state.allowed();
      for (std::int32_t token = 0; token < tokenizer->vocab_size(); ++token) {
        const std::string_view bytes = tokenizer->token_bytes(token);
        const bool fits =
            !tokenizer->is_special(token) && !bytes.empty() && ConstraintState(state).advance(bytes);
        ASSERT_EQ(is_allowed(*mask, static_cast<std::size_t>(token)), fits)
            << name << " after " << text.substr(0, at) << " token " << token << " '" << bytes << "'";
      }
      ASSERT_TRUE(state.advance(text.substr(at, 1))) << text.substr(0, at + 1);  // nothing, at the end
    }
    EXPECT_TRUE(state.must_end());
  }
}

TEST(Constraint, HowBytesAreCutIntoTokensMakesNoDifference) {
  const std::vector<std::string> tokens = small_vocabulary();
  const auto vocabulary = vocabulary_of(tokens);
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    const auto constraint = Constraint::json_schema(RandomSchema(seed).make(), vocabulary);
    if (!constraint.ok()) continue;
    std::mt19937 random(seed);
    const std::string text = random_text(*constraint, tokens, random).substr(0, 200);
    ConstraintState whole(*constraint), cut(*constraint), bytes(*constraint);
    ASSERT_TRUE(whole.advance(text));
    for (std::size_t at = 0, size = 0; at < text.size(); at += size) {
      size = 1 + random() % 7;
      ASSERT_TRUE(cut.advance(std::string_view(text).substr(at, size)));
    }
    for (char c : text) ASSERT_TRUE(bytes.advance({&c, 1}));
    for (const ConstraintState* other : {&cut, &bytes}) {
      EXPECT_EQ(*whole.allowed(), *other->allowed());
      EXPECT_EQ(whole.may_end(), other->may_end());
      EXPECT_EQ(whole.must_end(), other->must_end());
    }
  }
}

TEST(Constraint, ARefusedTokenChangesNothing) {
  ConstraintState state(*constraint_of(R"({"type":"array","items":{"type":"integer"}})"));
  ASSERT_TRUE(state.advance("[12"));
  const TokenBits before = *state.allowed();
  EXPECT_FALSE(state.advance(", 3x"));
  EXPECT_EQ(*state.allowed(), before);
  EXPECT_TRUE(state.advance(", 3]"));
  EXPECT_TRUE(state.must_end());
}

TEST(Constraint, ACopyGoesItsOwnWay) {
  ConstraintState one(*constraint_of(R"({"enum":["ab","ac"]})"));
  ASSERT_TRUE(one.advance("\"a"));
  ConstraintState two = one;
  ASSERT_TRUE(one.advance("b\""));
  ASSERT_TRUE(two.advance("c\""));
  EXPECT_TRUE(one.must_end() && two.must_end());
}

TEST(Constraint, CharactersMayBeCutAnywhere) {
  const std::vector<std::string> tokens = {"\"", "\xE6", "\x97", "\xA5", "\xE6\x97", "\x97\xA5", "a", "\xC3"};
  const auto constraint =
      Constraint::json_schema({{"type", "string"}, {"maxLength", 1}}, vocabulary_of(tokens));
  ConstraintState state(*constraint);
  ASSERT_TRUE(state.advance("\""));
  EXPECT_EQ((*state.allowed())[0], 0b11010011u);
  ASSERT_TRUE(state.advance("\xE6"));
  EXPECT_EQ((*state.allowed())[0], 0b00101100u);  // any continuation byte, and the two that end it
  ASSERT_TRUE(state.advance("\x97"));
  EXPECT_EQ((*state.allowed())[0], 0b00001100u);
  ASSERT_TRUE(state.advance("\xA5"));
  EXPECT_EQ((*state.allowed())[0], 0b00000001u);
}

// Free strings take whole subtrees of the vocabulary at once; their limits must hold all the same.
TEST(Constraint, LongTokensRespectLengths) {
  std::vector<std::string> tokens = {"\"", "ééé", "éé\"", "abcd", "a b c d e f g h", "\\n\\n\\n", "日本日"};
  for (unsigned length = 0; length < 9; ++length) {
    const auto constraint =
        Constraint::json_schema({{"type", "string"}, {"maxLength", length}}, vocabulary_of(tokens));
    ConstraintState state(*constraint);
    ASSERT_TRUE(state.advance("\""));
    const auto mask = state.allowed();
    const std::vector<unsigned> characters = {0, 3, 2, 4, 15, 3, 3};
    for (std::size_t token = 0; token < tokens.size(); ++token)
      EXPECT_EQ(is_allowed(*mask, token), characters[token] <= length) << tokens[token] << " of " << length;
  }
}

TEST(Constraint, NestingIsBounded) {
  const auto constraint = Constraint::json_object(byte_vocabulary());
  ConstraintState state(constraint);
  std::string open = "{\"a\":";
  ASSERT_TRUE(state.advance(open));
  int depth = 1;
  while (state.advance("[")) ++depth;
  EXPECT_EQ(depth, static_cast<int>(kMostNesting));
  EXPECT_FALSE(is_allowed(*state.allowed(), '['));
  EXPECT_TRUE(state.advance("1"));
  EXPECT_TRUE(state.advance(std::string(static_cast<std::size_t>(depth - 1), ']') + "}"));
  EXPECT_TRUE(state.must_end());
}

// Every level doubles the ways in which the text could have come about.
TEST(Constraint, AmbiguityIsBounded) {
  const auto constraint =
      constraint_of(R"({"$defs":{"t":{"anyOf":[{"type":"array","items":{"$ref":"#/$defs/t"}},
      {"type":"array","items":{"$ref":"#/$defs/t"},"maxItems":3},{"type":"null"}]}},"$ref":"#/$defs/t"})");
  ASSERT_TRUE(constraint.ok()) << constraint.error().message;
  ConstraintState state(*constraint);
  int depth = 0;
  while (state.advance("[")) ++depth;
  EXPECT_GT(depth, 5);
  EXPECT_LT(depth, 12);
  EXPECT_TRUE(state.advance(std::string(static_cast<std::size_t>(depth), ']')));
  EXPECT_TRUE(state.may_end());
}

// What was forgotten is computed again, with the same result.
TEST(Constraint, MemoryIsBoundedAndForgettingShowsNowhere) {
  std::vector<std::string> tokens = small_vocabulary();
  tokens.resize(200'000);  // so that masks are large
  const auto vocabulary = vocabulary_of(tokens);
  const ordered_json schema = {{"type", "string"}, {"minLength", 1000}, {"maxLength", 2000}};
  const auto worn = *Constraint::json_schema(schema, vocabulary);
  ConstraintState state(worn);
  ASSERT_TRUE(state.advance("\""));
  for (int i = 0; i < 1000; ++i) {  // 25 MB of masks, did it keep them
    static_cast<void>(state.allowed());
    ASSERT_TRUE(state.advance("a"));
  }
  const auto fresh = *Constraint::json_schema(schema, vocabulary);
  ConstraintState other(fresh);
  ASSERT_TRUE(other.advance("\"" + std::string(1000, 'a')));
  EXPECT_EQ(*state.allowed(), *other.allowed());
  EXPECT_TRUE(is_allowed(*state.allowed(), '"'));
}

TEST(Constraint, ManyThreadsMayShareOne) {
  const std::vector<std::string> tokens = small_vocabulary();
  const auto shared = *Constraint::json_schema(RandomSchema(6).make(), vocabulary_of(tokens));
  std::vector<std::string> alone, together(4);
  for (std::uint32_t i = 0; i < 4; ++i) {
    std::mt19937 random(i);
    alone.push_back(
        random_text(*Constraint::json_schema(RandomSchema(6).make(), vocabulary_of(tokens)), tokens, random));
  }
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      std::mt19937 random(i);
      together[i] = random_text(shared, tokens, random);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(together, alone);
}

}  // namespace
}  // namespace verbatim
