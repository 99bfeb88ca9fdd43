// StepBatch: which tokens one step of the engine computes. Made whole by the scheduler, const ever after.
//
// Rows are the tokens of all sequences of the step, one after another. A segment is one sequence's share: a
// decode row, or a chunk of a prompt. Row r of a segment stands at position first_position + (r - first_row).
#pragma once

#include <cstdint>
#include <vector>

namespace verbatim {

struct Segment {
  std::int32_t first_row = 0;
  std::int32_t rows = 0;            // > 0
  std::int32_t first_position = 0;  // of its first row in its sequence
  std::vector<std::int32_t> pages;  // page of block b of the sequence, for every block up to the last row's
};

struct StepBatch {
  std::vector<std::int32_t> tokens;       // (rows)
  std::vector<std::int32_t> positions;    // (rows)
  std::vector<Segment> segments;          // cover the rows in order
  std::vector<std::int32_t> logits_rows;  // rows whose logits are wanted, increasing

  std::int64_t rows() const { return static_cast<std::int64_t>(tokens.size()); }
};

}  // namespace verbatim
