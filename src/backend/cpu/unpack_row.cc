#include "backend/cpu/unpack_row.h"

#include "base/check.h"

namespace verbatim::cpu {
namespace {

void unpack_i8(const std::int8_t* panel, std::int64_t row, std::int64_t k, std::int16_t* q) {
  for (std::int64_t c = 0; c < k; ++c) q[c] = panel[panel_offset(row, c)];
}

void unpack_i16(const std::int8_t* panel, std::int64_t row, std::int64_t k, std::int64_t k_padded,
                std::int16_t* q) {
  const std::int8_t* low = panel + plane_bytes(k_padded);
  for (std::int64_t c = 0; c < k; ++c) {
    q[c] = static_cast<std::int16_t>(128 * panel[panel_offset(row, c)] + low[panel_offset(row, c)]);
  }
}

void unpack_codes(const CodePanel& panel, std::int64_t row, std::int64_t k, std::int16_t* q) {
  for (std::int64_t c = 0; c < k; ++c) q[c] = static_cast<std::int16_t>(panel.weight(row, c));
}

}  // namespace

void unpack_row(WeightKind kind, const std::byte* panel, std::int64_t row, std::int64_t k,
                std::int64_t k_padded, std::int16_t* q) {
  const auto* limbs = reinterpret_cast<const std::int8_t*>(panel);
  if (holds_codes(kind)) return unpack_codes({kind, panel}, row, k, q);
  limbs_of(kind) == 2 ? unpack_i16(limbs, row, k, k_padded, q) : unpack_i8(limbs, row, k, q);
}

void unpack_row(const PackedMatrix& w, std::int64_t n, std::int16_t* q) {
  CHECK(n >= 0 && n < w.n, "row {} asked of a matrix of {}", n, w.n);
  unpack_row(w.kind, w.panel(n / kPanelRows), n % kPanelRows, w.k, w.k_padded(), q);
}

}  // namespace verbatim::cpu
