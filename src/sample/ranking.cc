#include "sample/ranking.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace verbatim {

// A heap of the n best so far, the worst of them in front: a value below that costs one comparison.
std::vector<RankKey> best_keys(std::span<const float> values, std::size_t n) {
  std::vector<RankKey> heap;
  float worst = -std::numeric_limits<float>::infinity();  // of a full heap
  for (std::size_t i = 0; i < values.size() && n > 0; ++i) {
    if (values[i] < worst) continue;
    RankKey key = rank_key(values[i], static_cast<std::int32_t>(i));
    if (heap.size() == n) {
      if (key < heap.front()) continue;
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      heap.pop_back();
    }
    heap.push_back(key);
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
    if (heap.size() == n) worst = values[static_cast<std::size_t>(token_of(heap.front()))];
  }
  std::sort(heap.begin(), heap.end(), std::greater<>());
  return heap;
}

}  // namespace verbatim
