// CharSet: a set of Unicode scalar values, as sorted ranges that do not touch.
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

namespace verbatim {

inline constexpr char32_t kLastChar = 0x10FFFF;
inline constexpr char32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;

struct CharRange {
  char32_t first = 0, last = 0;  // both included
};

class CharSet {
 public:
  CharSet() = default;
  // Any ranges, in any order; surrogates are left out.
  CharSet(std::initializer_list<CharRange> ranges) : CharSet(std::vector(ranges)) {}
  explicit CharSet(std::vector<CharRange> ranges);

  static const CharSet& all();

  CharSet complement() const;
  CharSet united(const CharSet& other) const;
  bool empty() const { return ranges_.empty(); }
  const std::vector<CharRange>& ranges() const& { return ranges_; }
  std::vector<CharRange> ranges() && { return std::move(ranges_); }

 private:
  std::vector<CharRange> ranges_;
};

}  // namespace verbatim
