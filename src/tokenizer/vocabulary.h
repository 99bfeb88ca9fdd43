// Vocabulary: what each token id is: its text in the file, the bytes it stands for,
// and whether text may become it.
//
// Immutable once made; safe to use from many threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "load/tokenizer_data.h"

namespace verbatim {

class Vocabulary {
 public:
  // Errors name the field (as GGUF calls it) and the id.
  static Result<Vocabulary> create(const TokenizerData& data);
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  std::int32_t size() const { return static_cast<std::int32_t>(tokens_.size()); }
  bool contains(std::int32_t id) const { return id >= 0 && id < size(); }

  // REQUIRES of all below: contains(id)
  const std::string& text(std::int32_t id) const { return tokens_[id].text; }
  const std::string& bytes(std::int32_t id) const { return tokens_[id].bytes; }
  // Control and unknown tokens, and added tokens marked special: never made from ordinary text.
  bool is_special(std::int32_t id) const { return tokens_[id].special; }
  // Found in raw text before any other rule: special and user-defined tokens,
  // and those that the file lists as added.
  bool is_added(std::int32_t id) const { return tokens_[id].added; }
  // Tokens that merging may produce: all but special ones and those that only stand for one byte.
  bool is_mergeable(std::int32_t id) const { return !tokens_[id].special && !tokens_[id].byte; }

  // The id of a token by its text in the file; the lowest where a text occurs twice.
  std::optional<std::int32_t> find(std::string_view text) const;
  // The same, but only when is_mergeable.
  std::optional<std::int32_t> find_mergeable(std::string_view text) const;
  // The token spelled <0xXX> for this byte (SentencePiece's byte fallback).
  std::optional<std::int32_t> byte_token(unsigned char byte) const;

 private:
  Vocabulary() = default;

  struct Token {
    std::string text, bytes;
    bool special = false, added = false, byte = false;
  };
  std::vector<Token> tokens_;
  std::unordered_map<std::string_view, std::int32_t> id_of_;  // views into tokens_
};

}  // namespace verbatim
