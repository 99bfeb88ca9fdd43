// The syntax tree of a regular expression; see pattern.h for what is supported.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "constrain/char_set.h"

namespace verbatim {

struct Expression {
  enum class Kind : std::uint8_t { characters, text_begins, text_ends, sequence, choice, repetition };
  static constexpr std::uint32_t kUnbounded = UINT32_MAX;

  Kind kind = Kind::sequence;
  CharSet characters;
  std::vector<Expression> parts;            // sequence, choice; repetition: one
  std::uint32_t at_least = 0, at_most = 0;  // repetition
};

// The error names the construct and its place in the pattern.
Result<Expression> parse_pattern(std::string_view pattern);

}  // namespace verbatim
