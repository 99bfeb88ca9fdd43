// Merging of adjacent symbols, best pair first: the one algorithm behind byte-level BPE
// and SentencePiece's BPE.
//
// Rule R1: while any adjacent pair is in the table, merge the pair of lowest rank; among equal ranks the
// leftmost. Cost: O(n log n) for n symbols, whatever they are (a linked list and a heap of (rank, position)).
//
// A symbol >= 0 is a token id. Symbols < 0 are for characters that are no token;
// what they mean is up to the caller.
#pragma once

#include <cstdint>
#include <vector>

#include "base/stop.h"

namespace verbatim {

struct Merge {
  std::uint32_t rank = 0;  // lower is sooner
  std::int32_t merged = 0;
};

// (left, right) -> Merge. A flat hash table: one lookup per adjacent pair is the inner loop of tokenising.
class MergeTable {
 public:
  static constexpr std::uint32_t kNoRank = UINT32_MAX;

  MergeTable();
  // The first merge given for a pair stays.   REQUIRES: merge.rank < kNoRank
  void add(std::int32_t left, std::int32_t right, Merge merge);
  // nullptr when the pair does not merge
  const Merge* find(std::int32_t left, std::int32_t right) const;

 private:
  struct Slot {
    std::uint64_t pair = 0;
    Merge merge{kNoRank, 0};  // kNoRank: the slot is empty
  };
  std::size_t slot_of(std::uint64_t pair) const;  // where the pair is, or the empty slot where it belongs
  void grow();

  std::vector<Slot> slots_;  // (a power of two), at most half full
  std::size_t used_ = 0;
};

// Storage that one call of encode reuses from piece to piece.
struct MergeScratch {
  struct Node {
    std::int32_t symbol;
    std::uint32_t previous, next;  // positions; the ends are marked by kEnd
    std::uint32_t rank;  // of the pair (this, next); kNoRank: it does not merge, or this node is gone
  };
  std::vector<std::int32_t> symbols;  // for the caller
  std::vector<Node> nodes;
  std::vector<std::uint64_t> heap;  // rank << 32 | position, least on top
};

// Applies R1 until nothing merges, or stop is due (symbols and merges are units).   REQUIRES: symbols.size() < 2^32 - 1
void merge_symbols(const MergeTable& table, std::vector<std::int32_t>& symbols, MergeScratch& scratch,
                   Stop& stop);

}  // namespace verbatim
