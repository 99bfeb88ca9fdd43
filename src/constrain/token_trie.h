// TokenTrie: a vocabulary's tokens by their bytes, so that one walk finds all tokens that may come next.
//
// Two tries: tokens that a JSON string may hold as they are ("plain": whole characters of UTF-8, no quote, no
// backslash, no control character), and all others. In a string that may hold anything, most of a vocabulary
// is allowed without a look at it: a plain subtree no taller than the characters that may still come.
//
// Special tokens have no place here: they are never allowed as text. Immutable; safe to use from many threads.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace verbatim {

// Bit i % 64 of word i / 64 is token i.
using TokenBits = std::vector<std::uint64_t>;

class TokenTrie {
 public:
  struct Node {                     // in preorder
    std::uint32_t end = 0;          // the node after this one's subtree
    std::uint32_t first_token = 0;  // in `tokens`: its own end where the next node's begin
    std::uint32_t depth = 0;        // bytes from the root
    std::uint32_t height = 0;       // most characters that begin below it; plain tokens only
    std::uint8_t byte = 0;
  };
  struct Part {
    std::vector<Node> nodes;  // the root, ..., one past the last
    std::vector<std::int32_t> tokens;
    TokenBits all;  // of the tokens
    std::uint32_t depth = 0;
  };

  explicit TokenTrie(const Tokenizer& tokenizer);
  // By token id. A token without bytes is never allowed.
  explicit TokenTrie(const std::vector<std::string_view>& tokens);

  std::int32_t vocab_size() const { return vocab_size_; }
  const Part& plain() const { return plain_; }
  const Part& others() const { return others_; }
  std::size_t bytes() const;  // of memory

 private:
  std::int32_t vocab_size_ = 0;
  Part plain_, others_;
};

}  // namespace verbatim
