// One integer of a matrix on the device.
#pragma once

#include "backend/cuda/layout.h"

namespace verbatim::cuda {

// Levels first to first + 7, a byte each.
consteval std::uint64_t eight_levels(spec::Levels levels, int first) {
  std::uint64_t bytes = 0;
  for (int i = 7; i >= 0; --i)
    bytes = bytes << 8 | static_cast<std::uint8_t>(spec::levels_of(levels)[first + i]);
  return bytes;
}

__device__ inline int level_of(const CodeForm& form, int code) {
  if (form.levels == spec::Levels::uniform) return code - 8;
  using spec::Levels;
  constexpr std::uint64_t kIq4[2] = {eight_levels(Levels::iq4, 0), eight_levels(Levels::iq4, 8)};
  constexpr std::uint64_t kE2m1[2] = {eight_levels(Levels::e2m1, 0), eight_levels(Levels::e2m1, 8)};
  const std::uint64_t word = form.levels == Levels::iq4 ? (code < 8 ? kIq4[0] : kIq4[1])
                                                             : (code < 8 ? kE2m1[0] : kE2m1[1]);
  return static_cast<std::int8_t>(word >> (code % 8 * 8));
}

// The weight at (row of its panel, column), codes expanded.
__device__ inline int code_weight_at(const CodeForm& form, const std::byte* panel, std::int64_t row,
                                     std::int64_t column) {
  const std::byte* block = panel + column / kColumnPad * block_bytes(form);
  const auto* steps = reinterpret_cast<const std::int16_t*>(block + codes_bytes(form));
  const std::int64_t in_block = column % kColumnPad, at = step_index(in_block / form.group, row);
  int level;
  if (form.bits == 8) {
    level = static_cast<std::int8_t>(block[panel_offset(row, in_block)]);
  } else {
    const Nibble nibble = nibble_of(row, in_block);
    const int byte = static_cast<std::uint8_t>(block[nibble.byte]);
    level = level_of(form, nibble.high ? byte >> 4 : byte & 15);
  }
  return spec::code_weight(level, steps[at], form.offsets ? steps[steps_bytes(form) / 2 + at] : 0, form.fraction);
}

// w: placed on the device.   form: of w.kind
__device__ inline int weight_at(const PackedMatrix& w, const CodeForm& form, std::int64_t n, std::int64_t k) {
  if (form.bits > 0) {
    const std::int64_t bytes = w.k_padded() / kColumnPad * block_bytes(form);
    return code_weight_at(form, w.data + n / kPanelRows * bytes, n % kPanelRows, k);
  }
  const auto* limbs = reinterpret_cast<const std::int8_t*>(w.data);
  const std::int64_t blocks = blocks_of(w.k);
  const int high = limbs[limb_at(w.kind, blocks, n, k, 0)];
  return limbs_of(w.kind) == 2 ? 128 * high + limbs[limb_at(w.kind, blocks, n, k, 1)] : high;
}

}  // namespace verbatim::cuda
