#include "base/unicode.h"

#include <algorithm>
#include <vector>

#include "base/utf8.h"

namespace verbatim::unicode {
namespace {

constexpr char32_t kEnd = 0x110000;
constexpr char32_t kBlock = 128;

// For each block of code points, how many runs begin before it.
const std::vector<std::uint16_t>& runs_before() {
  static const std::vector<std::uint16_t> table = [] {
    std::vector<std::uint16_t> out;
    std::size_t run = 0;
    for (char32_t block = 0; block <= kEnd; block += kBlock) {
      while (run < kCategoryRunCount && (kCategoryRuns[run] >> 5) < block) ++run;
      out.push_back(static_cast<std::uint16_t>(run));
    }
    return out;
  }();
  return table;
}

}  // namespace

Category category_of(char32_t c) {
  if (c >= kEnd) return Category::Cn;
  const std::vector<std::uint16_t>& before = runs_before();
  const std::uint32_t* first = kCategoryRuns + before[c / kBlock];
  const std::uint32_t* last = kCategoryRuns + before[c / kBlock + 1];
  const std::uint32_t* after = std::upper_bound(first, last, static_cast<std::uint32_t>(c) << 5 | 31);
  return static_cast<Category>(after[-1] & 31);
}

char32_t stand_in(char32_t c) {
  constexpr char32_t kLongS = 0x17F, kKelvin = 0x212A;
  if (c < 0x80 || c == kLongS || c == kKelvin || is_white_space(c)) return c;
  return kRepresentatives[static_cast<std::size_t>(category_of(c))][c < 0x800 ? 0 : c < 0x10000 ? 1 : 2];
}

}  // namespace verbatim::unicode
