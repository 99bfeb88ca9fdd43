// The packed form of an integer matrix, shared by every CPU backend, the weight cache and the KV cache.
//
// A matrix of N rows (outputs) and K columns is cut into panels of 16 rows. Inside a panel the columns go in
// quads of four: 64 bytes hold 16 rows x 4 columns.
//
//   panel p, quad j, row r, column c  ->  byte ((p * K/4 + j) * 16 + r) * 4 + c   =   q[16 p + r][4 j + c]
//
// It is the operand layout of AVX-512 VNNI (vpdpbusd), AMX (tdpbssd: 16 quads are one 16 x 64 tile) and NEON
// (sdot), and AVX2 widens it in registers, so one layout, and one cache file, serves every instruction set. N
// is padded to a multiple of 16 and K to a multiple of 64 with zeros; a zero adds nothing to an integer sum.
//
//   i8    one limb plane a panel.
//   i16   two limb planes a panel, high then low: q = 128 * high + low.
//   i4    per panel: 4-bit codes, then the step and offset of each group of 32 columns (see i4_* below):
//         w = z + g * c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace verbatim {

inline constexpr int kPanelRows = 16;
inline constexpr int kQuad = 4;
inline constexpr int kColumnPad = 64;  // weights; a KV panel pads its columns to a quad only
inline constexpr int kI4Group = 32;

enum class WeightKind : std::uint8_t { i16, i8, i4 };

std::string_view name_of(WeightKind kind);  // "i16", "i8", "i4"

constexpr std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }
constexpr std::int64_t padded_rows(std::int64_t n) { return round_up(n, kPanelRows); }
constexpr std::int64_t padded_columns(std::int64_t k) { return round_up(k, kColumnPad); }

// Limb planes that a kernel reads for one weight: 2 for i16, 1 for i8 and (once unpacked) i4.
constexpr int limbs_of(WeightKind kind) { return kind == WeightKind::i16 ? 2 : 1; }

// Bytes of one limb plane of one panel with k_padded columns.
constexpr std::int64_t plane_bytes(std::int64_t k_padded) { return k_padded * kPanelRows; }

// The i4 form of one panel: codes (k_padded * 8 bytes), then steps and offsets (k_padded / 32 * 32 bytes).
//   codes: group G of 32 columns is 4 chunks of 64 bytes; chunk i holds quad 8G + i in its low nibbles and
//          quad 8G + 4 + i in its high nibbles, nibble (r, c) at byte 4 r + c.
//   After the codes: group G's 16 steps g (uint8), then its 16 offsets z (int8).
constexpr std::int64_t i4_codes_bytes(std::int64_t k_padded) { return k_padded * kPanelRows / 2; }
constexpr std::int64_t i4_panel_bytes(std::int64_t k_padded) { return i4_codes_bytes(k_padded) + k_padded; }

// Bytes of one panel, and of a whole packed matrix.
constexpr std::int64_t panel_bytes(WeightKind kind, std::int64_t k_padded) {
  return kind == WeightKind::i4 ? i4_panel_bytes(k_padded) : plane_bytes(k_padded) * limbs_of(kind);
}
constexpr std::int64_t packed_bytes(WeightKind kind, std::int64_t n, std::int64_t k) {
  return padded_rows(n) / kPanelRows * panel_bytes(kind, padded_columns(k));
}

// A packed weight matrix, not owned. Output n, input k: x (k) -> y (n).
struct PackedMatrix {
  WeightKind kind = WeightKind::i8;
  std::int64_t n = 0, k = 0;        // logical shape
  const std::byte* data = nullptr;  // packed_bytes(kind, n, k), 64-byte aligned
  const float* scale = nullptr;     // (padded_rows(n)): S of each row; padding rows hold 0

  std::int64_t k_padded() const { return padded_columns(k); }
  std::int64_t panels() const { return padded_rows(n) / kPanelRows; }
  const std::byte* panel(std::int64_t p) const { return data + p * panel_bytes(kind, k_padded()); }
};

// Byte of (row, column) inside one limb plane of a panel.
constexpr std::int64_t panel_offset(std::int64_t row, std::int64_t column) {
  return (column / kQuad * kPanelRows + row) * kQuad + column % kQuad;
}

// The integer at (n, k), by the definition above: slow, for the reference backend and for tests.
int weight_at(const PackedMatrix& w, std::int64_t n, std::int64_t k);

// Writes one row of integers into packed storage that was zeroed before.
//   q: (k) integers; |q| <= 127 for i8, <= 16319 for i16
void pack_row(WeightKind kind, std::int64_t n, std::int64_t k, const std::int16_t* q, std::byte* data);
//   codes: (k) in 0..15; step, offset: (ceil(k / 32))
//   Columns past k in the last group get code 0 and act on zeros.
void pack_row_i4(std::int64_t n, std::int64_t k, const std::uint8_t* codes, const std::uint8_t* step,
                 const std::int8_t* offset, std::byte* data);

}  // namespace verbatim
