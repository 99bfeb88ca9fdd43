#include "sample/ranking.h"

#include <algorithm>
#include <functional>

namespace verbatim {

// A heap of the n best so far, the worst of them in front: a value that does not enter costs one comparison.
std::vector<RankKey> best_keys(std::span<const float> values, std::size_t n) {
  std::vector<RankKey> heap;
  for (std::size_t i = 0; i < values.size() && n > 0; ++i) {
    RankKey key = rank_key(values[i], static_cast<std::int32_t>(i));
    if (heap.size() == n) {
      if (key < heap.front()) continue;
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      heap.pop_back();
    }
    heap.push_back(key);
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  }
  std::sort(heap.begin(), heap.end(), std::greater<>());
  return heap;
}

}  // namespace verbatim
