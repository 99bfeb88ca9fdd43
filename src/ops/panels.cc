#include "ops/panels.h"

#include "base/check.h"
#include "spec/fix.h"

namespace verbatim {

std::string_view name_of(WeightKind kind) {
  constexpr std::string_view names[] = {"i16", "i8", "i4"};
  return names[static_cast<int>(kind)];
}

namespace {

// Where the code of (row, column) lies in a panel's i4 codes: byte, and whether in the high nibble.
struct Nibble {
  std::int64_t byte;
  bool high;
};

constexpr Nibble i4_nibble(std::int64_t row, std::int64_t column) {
  std::int64_t group = column / kI4Group, quad = column % kI4Group / kQuad;
  return {(group * 4 + quad % 4) * 64 + row * kQuad + column % kQuad, quad >= 4};
}

}  // namespace

int weight_at(const PackedMatrix& w, std::int64_t n, std::int64_t k) {
  CHECK(n >= 0 && n < w.n && k >= 0 && k < w.k, "weight ({}, {}) asked of a {} x {} matrix", n, k, w.n, w.k);
  const auto* panel = reinterpret_cast<const std::int8_t*>(w.panel(n / kPanelRows));
  std::int64_t row = n % kPanelRows;
  if (w.kind == WeightKind::i4) {
    Nibble at = i4_nibble(row, k);
    int byte = static_cast<std::uint8_t>(panel[at.byte]);
    int code = at.high ? byte >> 4 : byte & 15;
    const std::int8_t* group = panel + i4_codes_bytes(w.k_padded()) + k / kI4Group * 2 * kPanelRows;
    return group[kPanelRows + row] + static_cast<std::uint8_t>(group[row]) * code;
  }
  int q = panel[panel_offset(row, k)];
  return w.kind == WeightKind::i8 ? q : 128 * q + panel[plane_bytes(w.k_padded()) + panel_offset(row, k)];
}

void pack_row(WeightKind kind, std::int64_t n, std::int64_t k, const std::int16_t* q, std::byte* data) {
  CHECK(kind != WeightKind::i4, "i4 rows are packed by pack_row_i4");
  std::int64_t k_padded = padded_columns(k), row = n % kPanelRows;
  auto* panel = reinterpret_cast<std::int8_t*>(data + n / kPanelRows * panel_bytes(kind, k_padded));
  for (std::int64_t c = 0; c < k; ++c) {
    std::int64_t at = panel_offset(row, c);
    if (kind == WeightKind::i8) {
      panel[at] = static_cast<std::int8_t>(q[c]);
    } else {
      panel[at] = static_cast<std::int8_t>(spec::high_limb(q[c]));
      panel[plane_bytes(k_padded) + at] = static_cast<std::int8_t>(spec::low_limb(q[c]));
    }
  }
}

void pack_row_i4(std::int64_t n, std::int64_t k, const std::uint8_t* codes, const std::uint8_t* step,
                 const std::int8_t* offset, std::byte* data) {
  std::int64_t k_padded = padded_columns(k), row = n % kPanelRows;
  auto* panel =
      reinterpret_cast<std::uint8_t*>(data + n / kPanelRows * panel_bytes(WeightKind::i4, k_padded));
  for (std::int64_t c = 0; c < k; ++c) {
    Nibble at = i4_nibble(row, c);
    panel[at.byte] = static_cast<std::uint8_t>(panel[at.byte] | codes[c] << (at.high ? 4 : 0));
  }
  for (std::int64_t group = 0; group * kI4Group < k; ++group) {
    std::uint8_t* at = panel + i4_codes_bytes(k_padded) + group * 2 * kPanelRows;
    at[row] = step[group];
    at[kPanelRows + row] = static_cast<std::uint8_t>(offset[group]);
  }
}

}  // namespace verbatim
