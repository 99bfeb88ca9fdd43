#include "backend/expert_groups.h"

#include "base/check.h"

namespace verbatim {

// A counting sort.
ExpertGroups group_by_expert(std::span<const std::int32_t> seen, std::int64_t experts) {
  // Of each expert: first how many see it, then where its next place goes.
  std::vector<std::int64_t> next(static_cast<std::size_t>(experts));
  for (const std::int32_t expert : seen) {
    CHECK(expert >= 0 && expert < experts, "expert {} of {}", expert, experts);
    ++next[static_cast<std::size_t>(expert)];
  }
  ExpertGroups made{std::vector<std::int32_t>(seen.size()), {}};
  std::int64_t first = 0;
  for (std::int64_t expert = 0; expert < experts; ++expert) {
    std::int64_t& at = next[static_cast<std::size_t>(expert)];
    const std::int64_t count = at;
    if (count > 0) made.groups.push_back({expert, first, count});
    at = first;
    first += count;
  }
  for (std::size_t place = 0; place < seen.size(); ++place)
    made.places[static_cast<std::size_t>(next[static_cast<std::size_t>(seen[place])]++)] =
        static_cast<std::int32_t>(place);
  return made;
}

}  // namespace verbatim
