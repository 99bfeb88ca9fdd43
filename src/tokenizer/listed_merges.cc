#include "tokenizer/listed_merges.h"

namespace verbatim {

Result<MergeTable> listed_merges(const std::vector<std::pair<std::string, std::string>>& merges,
                                 const Vocabulary& vocabulary) {
  if (merges.size() >= MergeTable::kNoRank) {
    return fail("tokenizer.ggml.merges has {} entries, more than a rank can count", merges.size());
  }
  MergeTable table;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const auto left_id = vocabulary.find(left), right_id = vocabulary.find(right);
    const auto merged_id = vocabulary.find(left + right);
    if (!left_id || !right_id || !merged_id) {
      return fail("tokenizer.ggml.merges[{}] '{} {}' uses or makes a token that tokenizer.ggml.tokens lacks",
                  rank, left, right);
    }
    if (vocabulary.is_mergeable(*merged_id)) {
      table.add(*left_id, *right_id, {static_cast<std::uint32_t>(rank), *merged_id});
    }
  }
  return table;
}

}  // namespace verbatim
