// One integer of a packed matrix (ops/panels.h), read on the device.
#pragma once

#include "ops/panels.h"

namespace verbatim::cuda {

struct Limbs {
  int high, low;
};

__device__ inline int level_of(const CodeForm& form, int code) {
  if (form.levels == spec::Levels::uniform) return code - 8;
  // spec/weights.h, as bytes of 16 levels each.
  constexpr std::uint64_t kIq4[2] = {0xf6eaddcfbfad9881ull, 0x7159453526190d01ull};
  constexpr std::uint64_t kE2m1[2] = {0x0c08060403020100ull, 0xf4f8fafcfdfeff00ull};
  const std::uint64_t word = form.levels == spec::Levels::iq4 ? (code < 8 ? kIq4[0] : kIq4[1])
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
  const std::int64_t row = n % kPanelRows;
  const bool two = limbs_of(w.kind) == 2;
  const std::int64_t plane = plane_bytes(w.k_padded());
  if (form.bits > 0) {
    const std::int64_t bytes = w.k_padded() / kColumnPad * block_bytes(form);
    return code_weight_at(form, w.data + n / kPanelRows * bytes, row, k);
  }
  const auto* panel = reinterpret_cast<const std::int8_t*>(w.data + n / kPanelRows * plane * (two ? 2 : 1));
  const int q = panel[panel_offset(row, k)];
  return two ? 128 * q + panel[plane + panel_offset(row, k)] : q;
}

}  // namespace verbatim::cuda
