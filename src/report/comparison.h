// A group of lanes compared: which answers there are, where they leave the reference, how far log-probabilities
// drift on the way. All lanes count here, however few of them a page shows.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "report/numbering.h"
#include "report/report.h"

namespace verbatim::report {

// The lanes that hold one sequence of tokens and one ending.
struct Answer {
  struct Share {
    std::int64_t count = 0;
    std::set<std::size_t> patterns;  // numbers of different log-probability bits among these lanes
  };
  std::size_t lane = 0;                 // the first of them
  std::vector<std::size_t> tokens;      // by Comparison::names
  std::size_t agrees = 0;               // leading tokens that the reference has too
  std::int64_t count = 0;               // all of them
  std::map<std::size_t, Share> shares;  // by condition
};

// A token as it is compared: ids count only where every token of the group has one.
struct Name {
  std::string bytes;
  std::optional<std::int64_t> id;
  auto operator<=>(const Name&) const = default;
};

struct Comparison {
  std::vector<std::vector<Fact>> conditions;  // different ones, sorted
  std::vector<Answer> answers;  // the reference's, then the most frequent, of these the earliest to part
  Numbering<Name> names;        // of distinct tokens
  std::int64_t count = 0;       // of all answers

  // The earliest position where an answer leaves the reference: another token, or an end.
  std::optional<std::size_t> first_divergence;

  // [condition][position]: the largest difference of a log-probability from the reference's, over lanes that share
  // all tokens before this position and tokens that both list. 0 means equal bits (-0 counts as 0); NaN: no data.
  std::vector<std::vector<double>> drift;

  // [position]: the log-probability of the reference's likeliest token less that of its second. NaN: no data.
  std::vector<double> margin;
};

Comparison compare(const LaneGroup& group);

}  // namespace verbatim::report
