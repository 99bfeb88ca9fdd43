// code_blocks: where the parts of the blocks of a panel of codes lie, for the unpackers of every instruction set.
//
// Internal linkage on purpose, see gemm_blocked.h.
#pragma once

#include <cstdint>

#include "ops/panels.h"

namespace verbatim::cpu {
namespace {

// Where an instruction set of int8 limbs unpacks a slab to.
struct LimbPlanes {
  std::int8_t *high, *low;
};

// Calls Set::unpack<form>(codes, steps, offsets, column, to) for each block of columns [k0, k0 + columns) of a panel: its parts,
// and its first column in the slab; offsets are nullptr where the form has none.
//   k0, columns: multiples of 64
template <class Set, int kind = static_cast<int>(WeightKind::c4), class To>
void for_code_blocks(WeightKind wanted, const std::int8_t* panel, std::int64_t k0, std::int64_t columns,
                     To to) {
  constexpr int kKinds = sizeof kCodeForms / sizeof kCodeForms[0];
  if constexpr (kind < kKinds) {
    if (static_cast<int>(wanted) != kind)
      return for_code_blocks<Set, kind + 1>(wanted, panel, k0, columns, to);
    constexpr CodeForm form = kCodeForms[kind];
    const std::int8_t* block = panel + k0 / kColumnPad * block_bytes(form);
    for (std::int64_t column = 0; column < columns; column += kColumnPad, block += block_bytes(form)) {
      const auto* steps = reinterpret_cast<const std::int16_t*>(block + codes_bytes(form));
      Set::template unpack<form>(block, steps, form.offsets ? steps + steps_bytes(form) / 2 : nullptr, column,
                                 to);
    }
  }
}

}  // namespace
}  // namespace verbatim::cpu
