// WeightArena: memory for packed weights, taken from a few large zeroed buffers (which the kernel may back
// with huge pages) in 64-byte aligned parts. Parts live as long as the arena. Not thread safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/aligned_buffer.h"
#include "ops/panels.h"

namespace verbatim {

class WeightArena {
 public:
  struct Mark {
    std::size_t slabs = 0;
    std::int64_t used = 0;
  };

  // A part of `bytes` bytes; its content is not defined (zeros, or what a rewound part left).
  std::byte* allocate(std::int64_t bytes) {
    bytes = round_up(bytes, 64);
    if (slabs_.empty() || used_ + bytes > static_cast<std::int64_t>(slabs_.back().size())) {
      slabs_.emplace_back(static_cast<std::size_t>(std::max(bytes, kSlabBytes)));
      used_ = 0;
    }
    std::byte* part = slabs_.back().data() + used_;
    used_ += bytes;
    return part;
  }

  // Gives back every part allocated since the mark was taken.
  Mark mark() const { return {slabs_.size(), used_}; }
  void rewind(Mark mark) {
    while (slabs_.size() > mark.slabs) slabs_.pop_back();
    used_ = mark.used;
  }

 private:
  // Untouched pages of the last one cost nothing.
  static constexpr std::int64_t kSlabBytes = std::int64_t{64} << 20;
  std::vector<AlignedBuffer<std::byte>> slabs_;
  std::int64_t used_ = 0;  // of the last slab
};

}  // namespace verbatim
