#include "engine/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace verbatim {

std::string StopMatcher::push(std::string_view piece) {
  if (!matched_.empty()) return {};
  held_ += piece;

  const std::string* first = nullptr;
  std::size_t first_begin = 0, first_end = std::string::npos;
  for (const std::string& stop : stops_) {
    std::size_t begin = held_.find(stop);
    if (begin == std::string::npos) continue;
    std::size_t end = begin + stop.size();
    if (end < first_end || (end == first_end && begin < first_begin)) {
      first = &stop;
      first_begin = begin;
      first_end = end;
    }
  }
  if (first != nullptr) matched_ = *first;
  std::size_t certain = first != nullptr ? first_begin : held_.size() - possible_beginning();
  std::string released = held_.substr(0, certain);
  held_.erase(0, first != nullptr ? held_.size() : certain);
  return released;
}

std::string StopMatcher::flush() { return std::exchange(held_, {}); }

// The length of the longest end of the held text with which some stop string begins.
std::size_t StopMatcher::possible_beginning() const {
  std::size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (std::size_t length = std::min(stop.size() - 1, held_.size()); length > longest; --length) {
      if (held_.ends_with(std::string_view(stop).substr(0, length))) longest = length;
    }
  }
  return longest;
}

}  // namespace verbatim
