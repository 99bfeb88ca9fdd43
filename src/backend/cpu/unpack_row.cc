#include "backend/cpu/unpack_row.h"

#include "base/check.h"

namespace verbatim::cpu {
namespace {

using UnpackRow = void (*)(const std::int8_t* panel, std::int64_t row, std::int64_t k, std::int64_t k_padded,
                           std::int16_t* q);

void unpack_i8(const std::int8_t* panel, std::int64_t row, std::int64_t k, std::int64_t, std::int16_t* q) {
  for (std::int64_t c = 0; c < k; ++c) q[c] = panel[panel_offset(row, c)];
}

void unpack_i16(const std::int8_t* panel, std::int64_t row, std::int64_t k, std::int64_t k_padded,
                std::int16_t* q) {
  const std::int8_t* low = panel + plane_bytes(k_padded);
  for (std::int64_t c = 0; c < k; ++c) {
    q[c] = static_cast<std::int16_t>(128 * panel[panel_offset(row, c)] + low[panel_offset(row, c)]);
  }
}

void unpack_i4(const std::int8_t* panel, std::int64_t row, std::int64_t k, std::int64_t k_padded,
               std::int16_t* q) {
  constexpr std::int64_t kChunk = kPanelRows * kQuad;  // bytes with two quads of 16 rows, one in each nibble
  const std::int8_t* groups = panel + i4_codes_bytes(k_padded);
  for (std::int64_t c = 0; c < k; ++c) {
    std::int64_t group = c / kI4Group, quad = c % kI4Group / kQuad;
    auto byte = static_cast<std::uint8_t>(panel[(group * 4 + quad % 4) * kChunk + row * kQuad + c % kQuad]);
    int code = quad < 4 ? byte & 15 : byte >> 4;
    const std::int8_t* of_group = groups + group * 2 * kPanelRows;
    int step = static_cast<std::uint8_t>(of_group[row]), offset = of_group[kPanelRows + row];
    q[c] = static_cast<std::int16_t>(offset + step * code);
  }
}

constexpr UnpackRow kUnpack[] = {unpack_i16, unpack_i8, unpack_i4};  // by WeightKind

}  // namespace

void unpack_row(const PackedMatrix& w, std::int64_t n, std::int16_t* q) {
  CHECK(n >= 0 && n < w.n, "row {} asked of a matrix of {}", n, w.n);
  kUnpack[static_cast<int>(w.kind)](reinterpret_cast<const std::int8_t*>(w.panel(n / kPanelRows)),
                                    n % kPanelRows, w.k, w.k_padded(), q);
}

}  // namespace verbatim::cpu
