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
//   i8r, i16r   the same, of rotated rows (spec/weights.h).
//   c...  what a quantised file holds (spec/weights.h). A panel is blocks of 64 columns, each read in one go: codes, the steps
//         of their groups, the offsets.
//         8-bit codes are their levels and lie as a limb plane does. 4-bit codes: 32 columns are 4 chunks of 64 bytes;
//         chunk i holds quad i in its low nibbles and quad 4 + i in its high nibbles, nibble (r, c) at byte 4 r + c.
//         Steps and offsets: int16, two groups side by side: group G of row r at (G / 2 * 16 + r) * 2 + G % 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "spec/hadamard.h"
#include "spec/weights.h"

namespace verbatim {

inline constexpr int kPanelRows = 16;
inline constexpr int kQuad = 4;
inline constexpr int kColumnPad = 64;  // weights; a KV panel pads its columns to a quad only
enum class WeightKind : std::uint8_t { i16, i8, i16r, i8r, c4, c4z, c4s, c4sz, c4t, c8, c8z, c8s, c4m };

std::string_view name_of(WeightKind kind);  // "i16", "c4z", ...

// How a kind holds a file's codes.
struct CodeForm {
  int bits = 0;                                 // of a code; 0: the kind holds limbs
  int group = 32;                               // columns of a step
  bool offsets = false;                         // else they are all 0
  int fraction = 0;                             // f
  spec::Levels levels = spec::Levels::uniform;  // that 4-bit codes name

  constexpr bool table() const { return levels != spec::Levels::uniform; }
  constexpr int largest_level() const {
    if (levels == spec::Levels::e2m1) return 12;
    return bits == 4 && !table() ? 8 : 128;
  }
};

inline constexpr CodeForm kCodeForms[] = {
    {},                                     // i16
    {},                                     // i8
    {},                                     // i16r
    {},                                     // i8r
    {4, 32, false, 0},                      // c4     Q4_0
    {4, 32, true, 0},                       // c4z    Q4_1, Q4_K
    {4, 16, false, 0},                      // c4s    Q3_K
    {4, 16, true, 0},                       // c4sz   Q2_K
    {4, 32, false, 7, spec::Levels::iq4},   // c4t    IQ4_NL, IQ4_XS
    {8, 32, false, 7},                      // c8     Q8_0, Q5_0
    {8, 32, true, 7},                       // c8z    Q5_1, Q5_K
    {8, 16, false, 7},                      // c8s    Q6_K
    {4, 32, false, 0, spec::Levels::e2m1},  // c4m    MXFP4
};
constexpr const CodeForm& code_form(WeightKind kind) { return kCodeForms[static_cast<int>(kind)]; }
constexpr bool holds_codes(WeightKind kind) { return code_form(kind).bits > 0; }

constexpr std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }
constexpr std::int64_t padded_rows(std::int64_t n) { return round_up(n, kPanelRows); }
constexpr std::int64_t padded_columns(std::int64_t k) { return round_up(k, kColumnPad); }

constexpr bool is_rotated(WeightKind kind) { return kind == WeightKind::i16r || kind == WeightKind::i8r; }

// Limbs of one weight.
constexpr int limbs_of(WeightKind kind) { return kind == WeightKind::i8 || kind == WeightKind::i8r ? 1 : 2; }

// Whether products of two low limbs are left out of sums of these (spec/linear.h).
constexpr bool three_products(int limbs_of_x, WeightKind kind) {
  return limbs_of_x == 2 && limbs_of(kind) == 2 && !holds_codes(kind);
}

// Bytes of one limb plane of one panel with k_padded columns.
constexpr std::int64_t plane_bytes(std::int64_t k_padded) { return k_padded * kPanelRows; }

// Parts of a block of 64 columns of codes, in bytes. They lie in this order.
constexpr std::int64_t codes_bytes(const CodeForm& form) { return kColumnPad * kPanelRows * form.bits / 8; }
constexpr std::int64_t steps_bytes(const CodeForm& form) { return kColumnPad / form.group * kPanelRows * 2; }
constexpr std::int64_t block_bytes(const CodeForm& form) {
  return codes_bytes(form) + steps_bytes(form) * (form.offsets ? 2 : 1);
}
// group: in its block
constexpr std::int64_t step_index(std::int64_t group, std::int64_t row) {
  return (group / 2 * kPanelRows + row) * 2 + group % 2;
}

// Bytes of one panel, and of a whole packed matrix.
constexpr std::int64_t panel_bytes(WeightKind kind, std::int64_t k_padded) {
  const CodeForm& form = code_form(kind);
  if (form.bits == 0) return plane_bytes(k_padded) * limbs_of(kind);
  return k_padded / kColumnPad * block_bytes(form);
}
constexpr std::int64_t packed_bytes(WeightKind kind, std::int64_t n, std::int64_t k) {
  return padded_rows(n) / kPanelRows * panel_bytes(kind, padded_columns(k));
}

// A packed weight matrix, not owned. Output n, input k: x (k) -> y (n).
struct PackedMatrix {
  WeightKind kind = WeightKind::i8;
  std::int64_t n = 0, k = 0;        // logical shape
  const std::byte* data = nullptr;  // packed_bytes(kind, n, k), 64-byte aligned
  const float* scale =
      nullptr;  // (padded_rows(n)): S of each row, of rotated ones S / rotation(); padding rows hold 0

  constexpr std::int64_t k_padded() const { return padded_columns(k); }
  // Block of spec/hadamard.h; 1: none.
  constexpr std::int64_t rotation() const {
    return is_rotated(kind) ? spec::hadamard_block(k, spec::kLinearBlock) : 1;
  }
  constexpr std::int64_t panels() const { return padded_rows(n) / kPanelRows; }
  constexpr const std::byte* panel(std::int64_t p) const { return data + p * panel_bytes(kind, k_padded()); }
};

// Byte of (row, column) inside one limb plane of a panel.
constexpr std::int64_t panel_offset(std::int64_t row, std::int64_t column) {
  return (column / kQuad * kPanelRows + row) * kQuad + column % kQuad;
}

// Where the 4-bit code of (row, column) lies in a block.
struct Nibble {
  std::int64_t byte;
  bool high;
};
constexpr Nibble nibble_of(std::int64_t row, std::int64_t column) {
  const std::int64_t quad = column / kQuad;
  return {(quad / 8 * 4 + quad % 4) * kPanelRows * kQuad + row * kQuad + column % kQuad, quad % 8 >= 4};
}

// The integer at (n, k), by the definition above: slow, for the reference backend and for tests.
int weight_at(const PackedMatrix& w, std::int64_t n, std::int64_t k);

// Writes one row of integers into packed storage that was zeroed before.
//   q: (k) integers; |q| <= 127 for one limb, <= 16319 for two
void pack_row(WeightKind kind, std::int64_t n, std::int64_t k, const std::int16_t* q, std::byte* data);
// The same for codes.
//   codes: (k); steps, offsets: (k / group rounded up); offsets may be nullptr where the kind has none
void pack_codes(WeightKind kind, std::int64_t n, std::int64_t k, const std::int8_t* codes,
                const std::int16_t* steps, const std::int16_t* offsets, std::byte* data);

// A panel of codes, read element by element.
class CodePanel {
 public:
  CodePanel(WeightKind kind, const std::byte* panel) : form_(code_form(kind)), panel_(panel) {}

  // The integer w of spec/weights.h.
  int weight(std::int64_t row, std::int64_t column) const {
    const std::byte* block = panel_ + column / kColumnPad * block_bytes(form_);
    const auto* steps = reinterpret_cast<const std::int16_t*>(block + codes_bytes(form_));
    const std::int64_t at = step_index(column % kColumnPad / form_.group, row);
    return spec::code_weight(level(block, row, column % kColumnPad), steps[at],
                             form_.offsets ? steps[steps_bytes(form_) / 2 + at] : 0, form_.fraction);
  }

 private:
  int level(const std::byte* block, std::int64_t row, std::int64_t column) const {
    if (form_.bits == 8) return static_cast<std::int8_t>(block[panel_offset(row, column)]);
    const Nibble at = nibble_of(row, column);
    const int byte = static_cast<std::uint8_t>(block[at.byte]), code = at.high ? byte >> 4 : byte & 15;
    return spec::levels_of(form_.levels)[code];
  }

  const CodeForm& form_;
  const std::byte* panel_;
};

}  // namespace verbatim
