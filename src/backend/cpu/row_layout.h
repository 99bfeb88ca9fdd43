// RowLayout: how a run of Fix rows lies in memory, in the form that one gemm kernel reads.
//
// A row is padded with zeros to a multiple of 64 elements. Rows start an odd number of 64-byte lines apart: a
// power of two would put the same column of every row into the same few sets of the first cache.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/float_ops.h"
#include "backend/cpu/gemm.h"
#include "ops/panels.h"

namespace verbatim::cpu {

struct RowLayout {
  RowForm form;
  int limbs;
  std::int64_t padded;        // elements of a row
  std::int64_t stride_bytes;  // from row to row

  static RowLayout of(RowForm form, std::int64_t k, int limbs) {
    constexpr std::int64_t kLine = 64;
    std::int64_t padded = padded_columns(k);
    std::int64_t bytes = padded * (form == RowForm::wide16 ? std::int64_t{sizeof(std::int16_t)} : limbs);
    return {form, limbs, padded, (bytes / kLine | 1) * kLine};
  }

  FixTarget row(std::byte* base, std::int64_t r) const {
    std::byte* at = base + r * stride_bytes;
    if (form == RowForm::wide16) return {.form = form, .wide = reinterpret_cast<std::int16_t*>(at)};
    auto* high = reinterpret_cast<std::int8_t*>(at);
    return {.form = form, .high = high, .low = high + padded};
  }

  // Rows [first, first + rows), of which the kernel sums the first k columns.
  GemmRows rows(const std::byte* base, std::int64_t first, std::int64_t rows, std::int64_t k) const {
    const std::byte* at = base + first * stride_bytes;
    GemmRows view{.rows = rows, .k = k, .limbs = limbs};
    if (form == RowForm::wide16) {
      view.wide = reinterpret_cast<const std::int16_t*>(at);
      view.stride = stride_bytes / std::int64_t{sizeof(std::int16_t)};
    } else {
      view.planes = reinterpret_cast<const std::int8_t*>(at);
      view.low_offset = padded;
      view.stride = stride_bytes;
    }
    return view;
  }
};

}  // namespace verbatim::cpu
