#include "constrain/utf8_ranges.h"

#include <algorithm>
#include <string>

#include "base/utf8.h"

namespace verbatim {
namespace {

// Cuts the range until both ends have equally many bytes and all bytes after the first that differs run over
// the whole of 80 .. BF; such a range is one sequence of byte ranges (the method of RE2 and of Rust's
// utf8-ranges).
void cut(CharRange range, std::vector<ByteRanges>& out) {
  auto halves = [&](char32_t last_of_first) {
    cut({range.first, last_of_first}, out);
    cut({last_of_first + 1, range.last}, out);
  };
  for (char32_t most : {0x7F, 0x7FF, 0xFFFF})
    if (range.first <= most && most < range.last) return halves(most);
  std::string first, last;
  append_utf8(range.first, first);
  append_utf8(range.last, last);
  for (std::size_t tail = 1; tail < first.size(); ++tail) {
    const char32_t mask = (char32_t{1} << (6 * tail)) - 1;
    if ((range.first & ~mask) == (range.last & ~mask)) continue;
    if ((range.first & mask) != 0) return halves(range.first | mask);
    if ((range.last & mask) != mask) return halves((range.last & ~mask) - 1);
  }
  ByteRanges bytes{.bytes = static_cast<int>(first.size()), .at = {}};
  for (std::size_t i = 0; i < first.size(); ++i)
    bytes.at[i] = {static_cast<std::uint8_t>(first[i]), static_cast<std::uint8_t>(last[i])};
  out.push_back(bytes);
}

}  // namespace

std::vector<ByteRanges> utf8_ranges(CharRange range) {
  std::vector<ByteRanges> out;
  cut(range, out);
  return out;
}

}  // namespace verbatim
