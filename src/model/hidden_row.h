// HiddenRow: the last that a model computes of a row before its logits: the input of the output matrix, the
// final norm's result as spec/fix.h holds it. Integers of the contract: the same on every backend.
//
// Its digest stands for everything that the row's logits, and so the next token, were computed from.
#pragma once

#include <cstdint>
#include <vector>

#include "base/sha256.h"

namespace verbatim {

struct HiddenRow {
  float scale = 0;
  std::vector<std::int16_t> q;  // (dim)
};

// SHA-256 of 4 + 2 * dim bytes, little-endian: the bits of scale, then each q in two's complement.
Sha256Digest digest_of(const HiddenRow& row);

}  // namespace verbatim
