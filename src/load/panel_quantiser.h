// PanelQuantiser: 16 rows of a tensor -> one packed panel, at the speed of memory.
//
// It computes exactly what spec/weights.h states (tests compare every bit) and differs from it only in the
// order of independent work: blocks of 64 columns that the compiler turns into vector instructions, 16
// rows packed together. Holds scratch memory: one object a thread.
#pragma once

#include <array>
#include <cstdint>

#include "base/aligned_buffer.h"
#include "load/checkpoint.h"
#include "ops/panels.h"
#include "spec/weights.h"

namespace verbatim {

struct PanelOutcome {
  std::array<spec::RowError, kPanelRows> errors;  // of rows past the tensor's last: zeros
  std::int64_t bad_row = -1;                      // the first row with a NaN or an infinity; -1: none
};

class PanelQuantiser {
 public:
  // A kind of codes is the one that keeps the codes of the tensors' type.
  PanelQuantiser(WeightKind kind, std::int64_t k);

  // Rows 16 p to 16 p + 15 of `tensor`.
  //   panel: panel_bytes(kind, padded_columns(k)), written whole, padding included; scale: (16)
  // REQUIRES: tensor.columns == k
  PanelOutcome quantise(const CheckpointTensor& tensor, std::int64_t p, std::byte* panel, float* scale);

 private:
  void pack_limbs(std::byte* panel) const;
  spec::FixScale keep_codes(const CheckpointTensor& tensor, std::int64_t row, std::byte* panel,
                            spec::RowError* error);

  WeightKind kind_;
  std::int64_t k_, k_padded_;
  std::int64_t rotation_;            // block of spec/hadamard.h; 1: none
  AlignedBuffer<float> x_;           // (k_padded): one row, zeros past k
  AlignedBuffer<std::int8_t> high_;  // (16, k_padded): the integers, or their high limbs; codes: of one row
  AlignedBuffer<std::int8_t> low_;   // (16, k_padded): low limbs
  // Of one row of codes.
  AlignedBuffer<float> step_, offset_;          // (k_padded / group)
  AlignedBuffer<std::int16_t> g_, z_, weight_;  // (k_padded / group), the same, (k_padded)
};

}  // namespace verbatim
