// StepBatch: which tokens one step of the engine computes. Made whole by the scheduler, const ever after.
//
// Rows are the tokens of all sequences of the step, one after another. A segment is one sequence's share: a
// decode row, or a chunk of a prompt. Row r of a segment stands at position first_position + (r - first_row).
#pragma once

#include <cstdint>
#include <vector>

#include "ops/array.h"

namespace verbatim {

struct Segment {
  std::int32_t first_row = 0;
  std::int32_t rows = 0;            // > 0
  std::int32_t first_position = 0;  // of its first row in its sequence
  std::vector<std::int32_t> pages;  // page of block b of the sequence, for every block up to the last row's
};

struct PageCopy {
  std::int32_t from = 0, to = 0;
};

struct StepBatch {
  std::vector<std::int32_t> tokens;       // (rows)
  std::vector<std::int32_t> positions;    // (rows)
  std::vector<Segment> segments;          // cover the rows in order
  std::vector<std::int32_t> logits_rows;  // rows whose logits are wanted, increasing
  std::vector<PageCopy> copies;           // of KV pages, made in this order before the rows are computed

  std::int64_t rows() const { return static_cast<std::int64_t>(tokens.size()); }
};

// A segment in a backend's memory.
struct SegmentView {
  std::int32_t first_row, rows, first_position;
  std::int32_t first_page;  // of its pages, in StepView::pages
};

// A StepBatch in a backend's memory, as operations read it: the numbers are known to the host, what pointers point to is not.
struct StepView {
  std::int64_t rows = 0, segments = 0, wanted = 0;
  std::int64_t fewest_rows = 0, most_rows = 0;  // of a segment
  std::int64_t page_entries = 0;                // pages of all segments
  const std::int32_t* tokens = nullptr;         // (rows)
  const std::int32_t* positions = nullptr;      // (rows)
  const std::int32_t* logits_rows = nullptr;    // (wanted)
  const SegmentView* segment = nullptr;         // (segments)
  const std::int32_t* pages = nullptr;          // (page_entries)

  std::span<const SegmentView> all_segments() const { return {segment, static_cast<std::size_t>(segments)}; }
  constexpr std::int32_t page_of(const SegmentView& s, std::int64_t block) const {
    return pages[s.first_page + block];
  }
};

// Where batches are written, each over the one before.
class StepBuffer {
 public:
  explicit StepBuffer(Memory& memory) : memory_(memory) {}

  // Good until the next call.
  StepView fill(const StepBatch& batch);

 private:
  Memory& memory_;
  std::vector<std::int32_t> packed_;
  Array<std::int32_t> array_;
};

}  // namespace verbatim
