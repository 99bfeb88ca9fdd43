// Tokenizers of whole model files against the `tokenizers` package: the texts and ids of golden/tokens.json,
// encoded by what open_checkpoint finds in the Hugging Face folder and in the GGUF file of the same model.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "json/library.h"
#include "load/checkpoint.h"
#include "model/golden_directory.h"
#include "tokenizer/tokenizer.h"

namespace verbatim {
namespace {

struct TokensCase {
  const char* model;   // a key of tokens.json
  const char* suffix;  // "" the folder, ".gguf" the file
};

void PrintTo(const TokensCase& c, std::ostream* out) { *out << c.model << c.suffix; }

class GoldenTokens : public testing::TestWithParam<TokensCase> {};

TEST_P(GoldenTokens, AreThoseOfTokenizers) {
  std::ifstream file(kGoldenDirectory + "tokens.json");
  ASSERT_TRUE(file) << "golden/tokens.json cannot be read";
  nlohmann::json samples = nlohmann::json::parse(file).at(GetParam().model);
  ASSERT_FALSE(samples.empty());

  Result<Checkpoint> checkpoint = open_checkpoint(kGoldenDirectory + GetParam().model + GetParam().suffix);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  Result<Tokenizer> tokenizer = Tokenizer::create(checkpoint->tokenizer);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  for (const nlohmann::json& sample : samples) {
    auto text = sample.at("text").get<std::string>();
    for (bool special : {false, true}) {
      auto expected = sample.at(special ? "ids_with_special" : "ids").get<std::vector<std::int32_t>>();
      auto ids = tokenizer->encode(text, {.add_special = special, .parse_special = true});
      ASSERT_TRUE(ids.ok()) << ids.error().message;
      EXPECT_EQ(*ids, expected) << "'" << text << "', add_special " << special;
    }
  }
}

std::string name_of_file(const testing::TestParamInfo<TokensCase>& c) {
  std::string name = std::string(c.param.model) + c.param.suffix;
  for (char& letter : name) letter = letter == '-' || letter == '.' ? '_' : letter;
  return name;
}
INSTANTIATE_TEST_SUITE_P(Cases, GoldenTokens,
                         testing::Values(TokensCase{"llama", ""}, TokensCase{"llama", ".gguf"},
                                         TokensCase{"llama3-rope", ""}, TokensCase{"llama3-rope", ".gguf"},
                                         TokensCase{"qwen2", ""}, TokensCase{"qwen2", ".gguf"}),
                         name_of_file);

}  // namespace
}  // namespace verbatim
