#include "constrain/char_set.h"

#include <algorithm>

namespace verbatim {
namespace {

std::vector<CharRange> without_surrogates(const std::vector<CharRange>& ranges) {
  std::vector<CharRange> kept;
  for (CharRange r : ranges) {
    if (r.first < kFirstSurrogate) kept.push_back({r.first, std::min<char32_t>(r.last, kFirstSurrogate - 1)});
    if (r.last > kLastSurrogate) kept.push_back({std::max<char32_t>(r.first, kLastSurrogate + 1), r.last});
    // A range inside the surrogates leaves nothing; the two above never overlap.
  }
  std::erase_if(kept, [](CharRange r) { return r.first > r.last; });
  return kept;
}

}  // namespace

CharSet::CharSet(std::vector<CharRange> ranges) {
  ranges = without_surrogates(ranges);
  std::ranges::sort(ranges, {}, &CharRange::first);
  for (CharRange r : ranges) {
    if (!ranges_.empty() && r.first <= ranges_.back().last + 1) {
      ranges_.back().last = std::max(ranges_.back().last, r.last);
    } else {
      ranges_.push_back(r);
    }
  }
}

const CharSet& CharSet::all() {
  static const CharSet all{{0, kLastChar}};
  return all;
}

CharSet CharSet::complement() const {
  std::vector<CharRange> gaps;
  char32_t next = 0;
  for (CharRange r : ranges_) {
    if (r.first > next) gaps.push_back({next, r.first - 1});
    next = r.last + 1;
  }
  if (next <= kLastChar) gaps.push_back({next, kLastChar});
  return CharSet(std::move(gaps));
}

CharSet CharSet::united(const CharSet& other) const {
  std::vector<CharRange> both = ranges_;
  both.insert(both.end(), other.ranges_.begin(), other.ranges_.end());
  return CharSet(std::move(both));
}

}  // namespace verbatim
