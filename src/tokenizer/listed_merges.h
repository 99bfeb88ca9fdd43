// A file's list of merges, best first, as a table over token ids.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "tokenizer/merge.h"
#include "tokenizer/vocabulary.h"

namespace verbatim {

// A merge's rank is its place in the list. Merges into special or byte tokens are left out:
// text alone never makes one.
Result<MergeTable> listed_merges(const std::vector<std::pair<std::string, std::string>>& merges,
                                 const Vocabulary& vocabulary);

}  // namespace verbatim
