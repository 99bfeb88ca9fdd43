// llama.cpp's own test vectors: every text of ggml-vocab-*.gguf.inp must give the ids of the same line of
// .out. Its test-tokenizer-0 encodes them without special tokens and without looking for special tokens in
// the text.
#include <gtest/gtest.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>

#include "load/checkpoint.h"
#include "source_path.h"
#include "tokenizer/incremental_decoder.h"
#include "tokenizer/tokenizer.h"

namespace verbatim {
namespace {

using Ids = std::vector<std::int32_t>;

const std::filesystem::path kFolder = source_path("../shared/tokenizers");
constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  for (std::size_t hit; (hit = text.find(separator, at)) != std::string::npos; at = hit + separator.size()) {
    parts.push_back(text.substr(at, hit - at));
  }
  parts.push_back(text.substr(at));
  return parts;
}

class ReferenceVocabulary : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    path_ = kFolder / ("ggml-vocab-" + GetParam() + ".gguf");
    if (!std::filesystem::exists(path_)) GTEST_SKIP() << path_ << " is not there";
    const Result<Checkpoint> checkpoint = open_checkpoint(path_.string());
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    Result<Tokenizer> tokenizer = Tokenizer::create(checkpoint->tokenizer);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    tokenizer_.emplace(*std::move(tokenizer));
  }

  Ids encode(std::string_view text, EncodeOptions options = kPlain) const {
    auto ids = tokenizer_->encode(text, options);
    EXPECT_TRUE(ids.ok()) << ids.error().message;
    return *ids;
  }

  std::filesystem::path path_;
  std::optional<Tokenizer> tokenizer_;
};

TEST_P(ReferenceVocabulary, EveryListedText) {
  auto texts = split(read_file(path_.string() + ".inp"), "\n__ggml_vocab_test__\n");
  texts.pop_back();  // the separator ends each text
  std::istringstream lines(read_file(path_.string() + ".out"));
  std::size_t cases = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    ASSERT_LT(cases, texts.size());
    std::istringstream numbers(line);
    const Ids expected{std::istream_iterator<std::int32_t>(numbers), {}};
    EXPECT_EQ(encode(texts[cases]), expected) << "case " << cases << ": '" << texts[cases] << "'";
    EXPECT_EQ(tokenizer_->decode(expected), texts[cases]) << "case " << cases;
  }
  EXPECT_EQ(cases, texts.size());
  EXPECT_GT(cases, 40u);
}

// Random valid text and random bytes come back as they went in.
TEST_P(ReferenceVocabulary, RoundTrip) {
  std::mt19937 random(6);
  const std::string words = read_file(path_.string() + ".inp");
  for (int round = 0; round < 300; ++round) {
    std::string text = words.substr(random() % words.size(), random() % 200);  // cuts characters, too
    for (std::size_t n = random() % 4; n > 0 && !text.empty(); --n) {
      text[random() % text.size()] = static_cast<char>(random() % 256);
    }
    ASSERT_EQ(tokenizer_->decode_bytes(encode(text)), text) << "round " << round;
  }
}

// Long texts of the kinds on which quadratic algorithms show: a rank or score tie at every place, no place to
// cut, long runs of space, many pieces. Not a timing test; the processor time is printed.
TEST_P(ReferenceVocabulary, MegabyteTexts) {
  constexpr std::size_t kBytes = 1 << 20;
  const std::string prose = read_file(path_.string() + ".inp");
  const std::pair<std::string, std::string> kinds[] = {
      {"one letter", "a"},      {"spaces", " "},        {"newlines", "\n"},
      {"digits", "1234567890"}, {"apostrophes", "'"},   {"CJK", "\u4E2D"},
      {"prose", prose},         {"ill-formed", "\x80"}, {"space and control", " \x01"},
  };
  for (const auto& [kind, unit] : kinds) {
    std::string text;
    while (text.size() < kBytes) text += unit;
    const std::clock_t begin = std::clock();
    const Ids ids = encode(text);
    const double milliseconds = 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_EQ(tokenizer_->decode_bytes(ids), text) << kind;
    printf("  %-20s %7zu tokens %8.1f ms\n", kind.c_str(), ids.size(), milliseconds);
  }
}

INSTANTIATE_TEST_SUITE_P(Gguf, ReferenceVocabulary, testing::Values("gpt-2", "llama-spm"),
                         [](const auto& vocabulary) {
                           return vocabulary.param == "gpt-2" ? "Gpt2" : "LlamaSpm";
                         });

}  // namespace
}  // namespace verbatim
