// One row of a packed weight matrix as integers again: what embedding reads.
#pragma once

#include <cstdint>

#include "ops/panels.h"

namespace verbatim::cpu {

// q: (w.k).  The same integers as weight_at, a row at a time.  REQUIRES: 0 <= n < w.n
void unpack_row(const PackedMatrix& w, std::int64_t n, std::int16_t* q);

}  // namespace verbatim::cpu
