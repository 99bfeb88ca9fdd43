#include "tokenizer/merge.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace verbatim {
namespace {

using Symbols = std::vector<std::int32_t>;
using Pair = std::pair<std::int32_t, std::int32_t>;

// Rule R1 as it reads: scan everything, merge the best pair, start again.
Symbols merge_by_scanning(const std::map<Pair, Merge>& merges, Symbols symbols) {
  while (true) {
    std::size_t best = symbols.size();
    std::uint32_t best_rank = MergeTable::kNoRank;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      auto it = merges.find({symbols[i], symbols[i + 1]});
      if (it != merges.end() && it->second.rank < best_rank) {
        best = i;
        best_rank = it->second.rank;
      }
    }
    if (best == symbols.size()) return symbols;
    symbols[best] = merges.at({symbols[best], symbols[best + 1]}).merged;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

// Random vocabularies over few symbols, so that merges overlap and compete; with and without ties in rank.
TEST(Merge, EqualsScanningOnRandomVocabularies) {
  std::mt19937 random(1);
  auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 400; ++round) {
    const int letters = 1 + below(4), listed = 1 + below(40), ranks = below(2) ? listed : 1 + below(4);
    std::map<Pair, Merge> merges;
    MergeTable table;
    std::vector<std::int32_t> known;
    for (int i = 0; i < letters; ++i) known.push_back(i % 2 ? i : -1 - i);
    for (int i = 0; i < listed; ++i) {
      const Pair pair = {known[below(static_cast<int>(known.size()))],
                         known[below(static_cast<int>(known.size()))]};
      const Merge merge{static_cast<std::uint32_t>(ranks == listed ? i : below(ranks)), 1000 + i};
      if (merges.emplace(pair, merge).second) known.push_back(merge.merged);
      table.add(pair.first, pair.second, merge);
    }
    MergeScratch scratch;
    Stop never;
    for (int text = 0; text < 20; ++text) {
      Symbols symbols(below(60));
      for (auto& symbol : symbols) symbol = known[below(letters)];
      const Symbols expected = merge_by_scanning(merges, symbols);
      Symbols merged = symbols;
      merge_symbols(table, merged, scratch, never);
      ASSERT_EQ(merged, expected) << "round " << round << " text " << text << " of " << symbols.size()
                                  << " symbols";
    }
  }
}

TEST(MergeTable, FindsWhatWasAddedAndNothingElse) {
  MergeTable table;
  for (int i = 0; i < 100000; ++i) table.add(i, -i, {static_cast<std::uint32_t>(i), 2 * i});
  for (int i = 0; i < 100000; ++i) {
    const Merge* merge = table.find(i, -i);
    ASSERT_TRUE(merge && merge->rank == static_cast<std::uint32_t>(i) && merge->merged == 2 * i) << i;
    ASSERT_EQ(table.find(i, -i - 1), nullptr) << i;
  }
}

TEST(MergeTable, TheFirstMergeOfAPairStays) {
  MergeTable table;
  table.add(1, 2, {7, 70});
  table.add(1, 2, {3, 30});
  EXPECT_EQ(table.find(1, 2)->merged, 70);
}

TEST(Merge, EmptyAndSingle) {
  MergeTable table;
  table.add(1, 1, {0, 2});
  MergeScratch scratch;
  Stop never;
  Symbols none, one = {1};
  merge_symbols(table, none, scratch, never);
  merge_symbols(table, one, scratch, never);
  EXPECT_EQ(none, Symbols{});
  EXPECT_EQ(one, Symbols{1});
}

}  // namespace
}  // namespace verbatim
