// Ranges of characters as ranges of the bytes that spell them in UTF-8.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "constrain/char_set.h"

namespace verbatim {

// A sequence of 1 to 4 bytes, each anywhere in its range.
struct ByteRanges {
  struct Range {
    std::uint8_t first = 0, last = 0;
  };
  int bytes = 0;
  std::array<Range, 4> at;
};

// The encodings of the range's characters, each once. REQUIRES: the range holds no surrogate
std::vector<ByteRanges> utf8_ranges(CharRange range);

}  // namespace verbatim
