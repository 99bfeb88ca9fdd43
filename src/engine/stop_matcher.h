// StopMatcher: finds the first stop string in a text that comes in pieces,
// and holds back no more than it must.
//
// Invariants: however the text is cut into pieces, the same text is released and the same string found. Text
// is held back only while it may be the beginning of a stop string. The match is the one that ends first; of
// two that end together, the longer; the text is released up to where it begins.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace verbatim {

class StopMatcher {
 public:
  // REQUIRES: no string is empty
  explicit StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  // The text that is certain now. After a match there is none.
  std::string push(std::string_view piece);
  // The text ends here: what was held back.
  std::string flush();
  // The string that was found; empty: none yet.
  const std::string& matched() const { return matched_; }

 private:
  std::size_t possible_beginning() const;

  std::vector<std::string> stops_;
  std::string held_;
  std::string matched_;
};

}  // namespace verbatim
