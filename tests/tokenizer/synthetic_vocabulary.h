// Small vocabularies for tests, made of what each test needs and nothing else.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load/tokenizer_data.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"

namespace verbatim {

// Byte-level BPE: ids 0..255 are the bytes in order, then one token per merge, in the order of the merges.
// merges: raw bytes, not spelled.
inline TokenizerData byte_level_data(const std::vector<std::pair<std::string, std::string>>& merges = {},
                                     std::string pre_tokenizer = "none") {
  TokenizerData data;
  data.kind = TokenizerKind::bpe;
  data.pre_tokenizer = std::move(pre_tokenizer);
  for (int byte = 0; byte < 256; ++byte)
    data.tokens.push_back(spell_bytes(std::string(1, static_cast<char>(byte))));
  for (const auto& [left, right] : merges) {
    data.tokens.push_back(spell_bytes(left + right));
    data.merges.emplace_back(spell_bytes(left), spell_bytes(right));
  }
  data.types.assign(data.tokens.size(), TokenType::normal);
  return data;
}

// SentencePiece: 0 <unk>, 1 <s>, 2 </s>, 3..258 the byte tokens, then the given tokens with their scores.
inline TokenizerData sentencepiece_data(const std::vector<std::pair<std::string, float>>& tokens) {
  TokenizerData data;
  data.kind = TokenizerKind::spm;
  data.tokens = {"<unk>", "<s>", "</s>"};
  data.types = {TokenType::unknown, TokenType::control, TokenType::control};
  for (int byte = 0; byte < 256; ++byte) {
    data.tokens.push_back(fmt::format("<0x{:02X}>", byte));
    data.types.push_back(TokenType::byte);
  }
  data.scores.assign(data.tokens.size(), 0.0f);
  for (const auto& [text, score] : tokens) {
    data.tokens.push_back(text);
    data.types.push_back(TokenType::normal);
    data.scores.push_back(score);
  }
  data.unk = 0;
  data.bos = 1;
  data.eos = 2;
  data.stop_ids = {2};
  return data;
}

inline Tokenizer make_tokenizer(const TokenizerData& data) {
  Result<Tokenizer> made = Tokenizer::create(data);
  EXPECT_TRUE(made.ok()) << made.error().message;
  return *std::move(made);
}

// Appends a token of the given type; its id.
inline std::int32_t add_token(TokenizerData& data, std::string text, TokenType type) {
  data.tokens.push_back(std::move(text));
  data.types.push_back(type);
  if (!data.scores.empty()) data.scores.push_back(0);
  return static_cast<std::int32_t>(data.tokens.size()) - 1;
}

}  // namespace verbatim
