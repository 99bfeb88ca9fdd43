// unpack_row: one row of packed weights as the integers that it stands for.
#pragma once

#include <cstdint>

#include "ops/panels.h"

namespace verbatim::cpu {

// panel: with k_padded columns; row: in [0, 16); q: (k), k <= k_padded
void unpack_row(WeightKind kind, const std::byte* panel, std::int64_t row, std::int64_t k,
                std::int64_t k_padded, std::int16_t* q);

// Row n of a matrix.   q: (w.k)
void unpack_row(const PackedMatrix& w, std::int64_t n, std::int16_t* q);

}  // namespace verbatim::cpu
