#include "tokenizer/vocabulary.h"

#include <charconv>
#include <limits>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/normalizer.h"

namespace verbatim {
namespace {

// "<0xXX>" -> the byte
std::optional<char> parse_byte_token(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || !text.ends_with('>')) return std::nullopt;
  std::uint8_t byte = 0;
  const char* digits = text.data() + 3;
  auto [end, error] = std::from_chars(digits, digits + 2, byte, 16);
  if (error != std::errc() || end != digits + 2) return std::nullopt;
  return static_cast<char>(byte);
}

// A field that has one entry per token, or none.
template <class T>
Status check_length(const std::vector<T>& field, std::string_view key, std::size_t tokens) {
  if (field.empty() || field.size() == tokens) return {};
  return fail("{} has {} entries for {} tokens", key, field.size(), tokens);
}

}  // namespace

Result<Vocabulary> Vocabulary::create(const TokenizerData& data) {
  const std::size_t count = data.tokens.size();
  if (data.kind == TokenizerKind::none) return fail("the file holds no tokenizer of a supported kind");
  if (count == 0) return fail("tokenizer.ggml.tokens is empty");
  if (count > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    return fail("tokenizer.ggml.tokens has {} entries, more than an id can count", count);
  }
  if (Status s = check_length(data.types, "tokenizer.ggml.token_type", count); !s.ok()) return s.error();
  if (Status s = check_length(data.scores, "tokenizer.ggml.scores", count); !s.ok()) return s.error();

  Vocabulary vocabulary;
  vocabulary.tokens_.resize(count);
  for (const TokenizerData::Added& added : data.added) {
    if (!vocabulary.contains(added.id)) {
      return fail("added token {} lies outside the vocabulary of {} tokens", added.id, count);
    }
    vocabulary.tokens_[added.id].added = true;
    vocabulary.tokens_[added.id].special = added.special;
  }

  for (std::size_t id = 0; id < count; ++id) {
    Token& token = vocabulary.tokens_[id];
    token.text = data.tokens[id];
    const TokenType type = data.types.empty() ? TokenType::normal : data.types[id];
    token.special |= type == TokenType::control || type == TokenType::unknown;
    token.added |= token.special || type == TokenType::user_defined;

    const auto byte = data.kind == TokenizerKind::spm ? parse_byte_token(token.text) : std::nullopt;
    if (type == TokenType::byte && !byte) {
      return fail("token {} '{}' has type byte in tokenizer.ggml.token_type but is not spelled <0xXX>", id,
                  token.text);
    }
    if (token.added) {
      token.bytes = token.text;
    } else if (byte) {
      token.byte = true;
      token.bytes.assign(1, *byte);
    } else if (type != TokenType::unused) {  // unused ids stand for nothing
      token.bytes = data.kind == TokenizerKind::bpe ? bytes_of_spelling(token.text).value_or(token.text)
                                                    : unescape_spaces(token.text);
    }
    if (!token.text.empty()) vocabulary.id_of_.emplace(token.text, static_cast<std::int32_t>(id));
  }
  return vocabulary;
}

std::optional<std::int32_t> Vocabulary::find(std::string_view text) const {
  auto it = id_of_.find(text);
  return it == id_of_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<std::int32_t> Vocabulary::find_mergeable(std::string_view text) const {
  const auto id = find(text);
  return id && is_mergeable(*id) ? id : std::nullopt;
}

std::optional<std::int32_t> Vocabulary::byte_token(unsigned char byte) const {
  const auto id = find(fmt::format("<0x{:02X}>", byte));
  return id && tokens_[*id].byte ? id : std::nullopt;
}

}  // namespace verbatim
