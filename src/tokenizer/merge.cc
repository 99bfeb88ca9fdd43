#include "tokenizer/merge.h"

#include <algorithm>
#include <functional>

#include "base/check.h"

namespace verbatim {
namespace {

constexpr std::uint32_t kEnd = UINT32_MAX;
constexpr std::size_t kFirstSlots = 1024;

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

std::uint64_t heap_key(std::uint32_t rank, std::uint32_t position) {
  return static_cast<std::uint64_t>(rank) << 32 | position;
}

// The symbols as a linked list, with a heap of the pairs that merge. An entry of the heap whose pair has
// changed since is recognised by its rank and skipped.
class MergeList {
 public:
  MergeList(const MergeTable& table, const std::vector<std::int32_t>& symbols, MergeScratch& scratch,
            Stop& stop)
      : table_(table), nodes_(scratch.nodes), heap_(scratch.heap) {
    const auto count = static_cast<std::uint32_t>(symbols.size());
    nodes_.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
      nodes_.push_back(
          {symbols[i], i == 0 ? kEnd : i - 1, i + 1 == count ? kEnd : i + 1, MergeTable::kNoRank});
    }
    heap_.clear();
    for (std::uint32_t i = 0; i < count && !stop.due(); ++i) rank_pair(i);
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  // Merges the pair that is due; false when there is none.
  bool merge_best() {
    while (!heap_.empty()) {
      const auto rank = static_cast<std::uint32_t>(heap_.front() >> 32);
      const auto position = static_cast<std::uint32_t>(heap_.front());
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      heap_.pop_back();
      if (nodes_[position].rank != rank) continue;
      merge_pair(position);
      return true;
    }
    return false;
  }

  void copy_to(std::vector<std::int32_t>& symbols) const {
    symbols.clear();
    if (nodes_.empty()) return;
    for (std::uint32_t i = 0; i != kEnd; i = nodes_[i].next) symbols.push_back(nodes_[i].symbol);
  }

 private:
  void merge_pair(std::uint32_t position) {
    MergeScratch::Node& left = nodes_[position];
    MergeScratch::Node& right = nodes_[left.next];
    left.symbol = table_.find(left.symbol, right.symbol)->merged;
    left.next = right.next;
    right.rank = MergeTable::kNoRank;
    if (left.next != kEnd) nodes_[left.next].previous = position;
    for (std::uint32_t changed : {left.previous, position}) {
      if (changed != kEnd && rank_pair(changed)) std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
  }

  // Notes the rank of the pair that starts at `position` and appends its entry to the heap;
  // false when it does not merge.
  bool rank_pair(std::uint32_t position) {
    MergeScratch::Node& node = nodes_[position];
    const Merge* merge = node.next == kEnd ? nullptr : table_.find(node.symbol, nodes_[node.next].symbol);
    node.rank = merge ? merge->rank : MergeTable::kNoRank;
    if (merge) heap_.push_back(heap_key(node.rank, position));
    return merge != nullptr;
  }

  const MergeTable& table_;
  std::vector<MergeScratch::Node>& nodes_;
  std::vector<std::uint64_t>& heap_;
};

}  // namespace

MergeTable::MergeTable() : slots_(kFirstSlots) {}

std::size_t MergeTable::slot_of(std::uint64_t pair) const {
  const std::size_t mask = slots_.size() - 1;
  // Fibonacci hashing: the upper bits are the well-mixed ones.
  std::uint64_t hash = pair * 0x9E3779B97F4A7C15u;
  hash ^= hash >> 32;
  std::size_t slot = hash & mask;
  while (slots_[slot].merge.rank != kNoRank && slots_[slot].pair != pair) slot = (slot + 1) & mask;
  return slot;
}

void MergeTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.merge.rank != kNoRank) slots_[slot_of(slot.pair)] = slot;
  }
}

void MergeTable::add(std::int32_t left, std::int32_t right, Merge merge) {
  CHECK(merge.rank < kNoRank, "a merge cannot have the rank that means 'none'");
  Slot& slot = slots_[slot_of(pair_key(left, right))];
  if (slot.merge.rank != kNoRank) return;
  slot = {pair_key(left, right), merge};
  if (++used_ * 2 > slots_.size()) grow();
}

const Merge* MergeTable::find(std::int32_t left, std::int32_t right) const {
  const Slot& slot = slots_[slot_of(pair_key(left, right))];
  return slot.merge.rank == kNoRank ? nullptr : &slot.merge;
}

void merge_symbols(const MergeTable& table, std::vector<std::int32_t>& symbols, MergeScratch& scratch,
                   Stop& stop) {
  CHECK(symbols.size() < kEnd, "{} symbols in one piece are more than a position can count", symbols.size());
  MergeList list(table, symbols, scratch, stop);
  while (!stop.due() && list.merge_best()) {
  }
  list.copy_to(symbols);
}

}  // namespace verbatim
