// Where tokens stand in the text that an answer shows, in characters (code points): text_offset of the older completions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace verbatim::server {

// A place in UTF-8 text that moves on with its bytes.
class CharacterCounter {
 public:
  explicit CharacterCounter(std::int64_t start = 0) : begun_(start) {}

  // The index of the character that the next byte begins, or goes on with.
  std::int64_t index() const { return missing_ > 0 ? begun_ - 1 : begun_; }
  void pass(std::string_view bytes);

 private:
  std::int64_t begun_;  // characters whose first byte was passed
  int missing_ = 0;     // bytes of the last one that were not
};

std::int64_t characters_in(std::string_view text);

// The offset of each token in the text that it was made from. A token that does not stand in it, such as BOS, takes no room.
std::vector<std::int64_t> prompt_offsets(std::span<const std::int32_t> tokens, std::string_view text,
                                         const Tokenizer& tokenizer);

}  // namespace verbatim::server
