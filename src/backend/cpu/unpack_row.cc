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

template <WeightKind kind>
void unpack_codes(const std::int8_t* panel, std::int64_t row, std::int64_t k, std::int64_t, std::int16_t* q) {
  const CodePanel codes(kind, reinterpret_cast<const std::byte*>(panel));
  for (std::int64_t c = 0; c < k; ++c) q[c] = static_cast<std::int16_t>(codes.weight(row, c));
}

constexpr UnpackRow kUnpack[] = {unpack_i16,
                                 unpack_i8,
                                 unpack_codes<WeightKind::c4>,
                                 unpack_codes<WeightKind::c4z>,
                                 unpack_codes<WeightKind::c4s>,
                                 unpack_codes<WeightKind::c4sz>,
                                 unpack_codes<WeightKind::c4t>,
                                 unpack_codes<WeightKind::c8>,
                                 unpack_codes<WeightKind::c8z>,
                                 unpack_codes<WeightKind::c8s>};  // by WeightKind

}  // namespace

void unpack_row(WeightKind kind, const std::byte* panel, std::int64_t row, std::int64_t k,
                std::int64_t k_padded, std::int16_t* q) {
  kUnpack[static_cast<int>(kind)](reinterpret_cast<const std::int8_t*>(panel), row, k, k_padded, q);
}

void unpack_row(const PackedMatrix& w, std::int64_t n, std::int16_t* q) {
  CHECK(n >= 0 && n < w.n, "row {} asked of a matrix of {}", n, w.n);
  unpack_row(w.kind, w.panel(n / kPanelRows), n % kPanelRows, w.k, w.k_padded(), q);
}

}  // namespace verbatim::cpu
