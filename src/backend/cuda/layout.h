// How integers lie in a GPU's memory: every tile that a tensor core reads is one contiguous copy, which lands in shared memory
// as wgmma wants it (K-major, 128-byte rows, 128-byte swizzle; PTX ISA, "Asynchronous warpgroup level matrix operations").
//
//   swizzle   in 8 rows of 128 bytes, 16-byte chunk c of row r lies at chunk c ^ r
//   weights   of kinds that hold limbs: [panel of 64 outputs][block of 128 columns][limb][64 rows][128 bytes]. Of 16 rows of a
//             panel, output 2 g + h lies in row g + 8 h: a thread of the product then holds two neighbouring outputs.
//   rows      [block of 128 columns][row][128 bytes]: the tokens are cut into tiles, a tile has the high limbs of its tokens,
//             then their low limbs
//   codes     as on the host (ops/panels.h)
#pragma once

#include <cstdint>

#include "ops/fix_rows.h"
#include "ops/panels.h"

namespace verbatim::cuda {

inline constexpr int kPanel = 64, kBlock = 128, kPanelBlockBytes = kPanel * kBlock;

constexpr int blocks_of(std::int64_t k) { return static_cast<int>((k + kBlock - 1) / kBlock); }

// Byte of a column in eight rows.
constexpr int swizzled(int row, int column) {
  return row * 128 + ((column / 16 ^ row) % 8) * 16 + column % 16;
}

constexpr int row_of_output(int n) { return n / 16 * 16 + n % 16 / 2 + n % 2 * 8; }

// A matrix of limbs.
constexpr std::int64_t limb_bytes(WeightKind kind, std::int64_t n, std::int64_t k) {
  return round_up(n, kPanel) / kPanel * blocks_of(k) * limbs_of(kind) * kPanelBlockBytes;
}
constexpr std::int64_t limb_at(WeightKind kind, std::int64_t blocks, std::int64_t n, std::int64_t k,
                               int limb) {
  const int row = row_of_output(static_cast<int>(n % kPanel));
  return ((n / kPanel * blocks + k / kBlock) * limbs_of(kind) + limb) * kPanelBlockBytes +
         row / 8 * 8 * kBlock + swizzled(row % 8, static_cast<int>(k % kBlock));
}

// Tokens of a tile.
constexpr int tile_tokens(std::int64_t tokens, int limbs) {
  for (int tile = 8; tile < 128; tile *= 2)
    if (tokens <= tile) return tile;
  return limbs == 1 && tokens > 128 ? 256 : 128;
}

// The rows of Fix vectors.
struct RowLayout {
  int tile, limbs;    // tile: tokens
  std::int64_t rows;  // of all limbs, with those that fill the last tile

  constexpr RowLayout(std::int64_t tokens, int of_limbs)
      : tile(tile_tokens(tokens, of_limbs)), limbs(of_limbs), rows(round_up(tokens, tile) * of_limbs) {}
  explicit constexpr RowLayout(const FixRows& x) : RowLayout(x.rows, x.form.limbs) {}

  // The row of a token's limb; the low one is `tile` rows further.
  constexpr int row(int token, int limb) const { return (token / tile * limbs + limb) * tile + token % tile; }
  // Byte of a column of it.
  constexpr std::int64_t at_row(int row, int k) const {
    return (k / kBlock * rows + row / 8 * 8) * kBlock + swizzled(row % 8, k % kBlock);
  }
  constexpr std::int64_t at(std::int64_t token, int limb, std::int64_t k) const {
    return at_row(row(static_cast<int>(token), limb), static_cast<int>(k));
  }
};
// Enough for that many tokens or fewer, in any form.
constexpr std::int64_t row_bytes(std::int64_t tokens, std::int64_t k) {
  return RowLayout(tokens, 2).rows * blocks_of(k) * kBlock;
}

}  // namespace verbatim::cuda
