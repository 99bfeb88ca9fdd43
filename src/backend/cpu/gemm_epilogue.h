// gemm_epilogue: from exact sums to float32 outputs, the only place of the integer kernels that rounds; and
// how they all cut rows into blocks.
//
// Internal linkage on purpose, see gemm_blocked.h:
// each instruction set compiles (and vectorises) its own copy.
#pragma once

#include <cstdint>

#include "backend/cpu/gemm.h"

namespace verbatim::cpu {
namespace {

// Rows are cut into blocks of nearly equal size, at most `limit` rows each:
// a multiple of `multiple`, which divides limit.
[[maybe_unused]] constexpr std::int64_t even_block(std::int64_t rows, std::int64_t limit,
                                                   std::int64_t multiple) {
  const std::int64_t blocks = (rows + limit - 1) / limit;
  return ((rows + blocks - 1) / blocks + multiple - 1) / multiple * multiple;
}

// sum: (16), the exact integers of row m and panel p, each below 2^53 in magnitude. Writes the panel's
// outputs that lie below out.n.   Rounding: R1 to R4 of spec/linear.h.
[[maybe_unused]] void finish_row(const double* sum, std::int64_t m, std::int64_t p, const GemmOut& out) {
  const std::int64_t first = p * kPanelRows;
  const float* column_scale = out.column_scale ? out.column_scale + first : nullptr;
  float* y = out.y + m * out.stride + first;
  const float row_scale = out.row_scale[m];

  float panel[kPanelRows];  // all 16, so that the loops below have a fixed length
  for (int i = 0; i < kPanelRows; ++i) panel[i] = static_cast<float>(sum[i]);
  if (column_scale) {
    for (int i = 0; i < kPanelRows; ++i) panel[i] *= row_scale * column_scale[i];
  } else {
    for (int i = 0; i < kPanelRows; ++i) panel[i] *= row_scale;
  }
  const std::int64_t count = out.n - first < kPanelRows ? out.n - first : kPanelRows;
  if (out.bias) {
    for (std::int64_t i = 0; i < count; ++i) panel[i] += out.bias[first + i];
  }
  if (count == kPanelRows) {
    for (int i = 0; i < kPanelRows; ++i) y[i] = panel[i];
  } else {
    for (std::int64_t i = 0; i < count; ++i) y[i] = panel[i];
  }
}

}  // namespace
}  // namespace verbatim::cpu
