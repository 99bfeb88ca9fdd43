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

}  // namespace

MergeTable::MergeTable() : slots_(kFirstSlots) {}

std::size_t MergeTable::slot_of(std::uint64_t pair) const {
  const std::size_t mask = slots_.size() - 1;
  std::uint64_t hash =
      pair * 0x9E3779B97F4A7C15u;  // Fibonacci hashing: the upper bits are the well-mixed ones
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

void merge_symbols(const MergeTable& table, std::vector<std::int32_t>& symbols, MergeScratch& scratch) {
  CHECK(symbols.size() < kEnd, "{} symbols in one piece are more than a position can count", symbols.size());
  auto& [unused, nodes, heap] = scratch;
  const auto count = static_cast<std::uint32_t>(symbols.size());

  // The rank of the pair that starts at `position` in the list as it is now.
  auto rank_at = [&](std::uint32_t position) {
    const std::uint32_t next = nodes[position].next;
    if (next == kEnd) return MergeTable::kNoRank;
    const Merge* merge = table.find(nodes[position].symbol, nodes[next].symbol);
    return merge ? merge->rank : MergeTable::kNoRank;
  };

  nodes.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    nodes.push_back({symbols[i], i == 0 ? kEnd : i - 1, i + 1 == count ? kEnd : i + 1, MergeTable::kNoRank});
  }
  heap.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    nodes[i].rank = rank_at(i);
    if (nodes[i].rank != MergeTable::kNoRank) heap.push_back(heap_key(nodes[i].rank, i));
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());

  auto rerank = [&](std::uint32_t position) {
    nodes[position].rank = rank_at(position);
    if (nodes[position].rank == MergeTable::kNoRank) return;
    heap.push_back(heap_key(nodes[position].rank, position));
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };

  while (!heap.empty()) {
    const auto rank = static_cast<std::uint32_t>(heap.front() >> 32);
    const auto position = static_cast<std::uint32_t>(heap.front());
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    heap.pop_back();
    MergeScratch::Node& left = nodes[position];
    if (left.rank != rank) continue;  // the pair has changed since this entry was made

    MergeScratch::Node& right = nodes[left.next];
    left.symbol = table.find(left.symbol, right.symbol)->merged;
    left.next = right.next;
    right.rank = MergeTable::kNoRank;
    if (left.next != kEnd) nodes[left.next].previous = position;
    if (left.previous != kEnd) rerank(left.previous);
    rerank(position);
  }

  symbols.clear();
  for (std::uint32_t i = 0; i != kEnd && i < count; i = nodes[i].next) symbols.push_back(nodes[i].symbol);
}

}  // namespace verbatim
