// group_by_expert: the rows that see one expert, brought together, so that its weights are read once for all of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace verbatim {

// A run of ExpertGroups::places.
struct ExpertGroup {
  std::int64_t expert = 0;
  std::int64_t first = 0, count = 0;
};

struct ExpertGroups {
  std::vector<std::int32_t> places;  // where the experts stood, by expert
  std::vector<ExpertGroup> groups;   // of each expert that somebody sees
};

// seen: experts of rows, each below `experts`
ExpertGroups group_by_expert(std::span<const std::int32_t> seen, std::int64_t experts);

}  // namespace verbatim
