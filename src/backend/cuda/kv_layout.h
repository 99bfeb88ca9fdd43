// Where the integers of one (page, layer, KV head) lie on a GPU. The sizes are KvShape's.
//
//   head_dim 64 or 128, which tensor cores read (attention_tiles.cu): keys [limb][128 tokens][head_dim bytes], values [limb]
//     [head_dim][128 bytes]. 16-byte chunks of eight neighbouring rows are exchanged so that eight threads that read the same chunk
//     of eight rows meet all banks of shared memory. Columns of values are tokens in another order: what a thread holds of the
//     scores of 32 tokens is then, where it lies, its part of the next product's operand.
//   any other: panels, as on the host (ops/kv_pages.h), columns of values in their order.
#pragma once

#include "ops/kv_pages.h"

namespace verbatim::cuda {

struct KvLayout {
  std::int64_t head_dim, key_columns;
  int limbs;
  bool tiles;

  explicit constexpr KvLayout(const KvShape& shape)
      : head_dim(shape.head_dim),
        key_columns(shape.key_columns()),
        limbs(shape.limbs),
        tiles(head_dim == 64 || head_dim == 128) {}

  // Between the limbs of a row.
  constexpr std::int64_t key_plane() const {
    return tiles ? kPageTokens * head_dim : plane_bytes(key_columns);
  }
  constexpr std::int64_t value_plane() const {
    return tiles ? kPageTokens * head_dim : plane_bytes(kPageTokens);
  }
  // Between quads of four neighbouring columns of a row, whose bytes are neighbours: see key_at and value_at.
  constexpr std::int64_t key_at(std::int64_t token, std::int64_t d) const {
    return tiles ? chunked(token, d, head_dim) : panel_at(token, d, key_columns);
  }
  constexpr std::int64_t value_at(std::int64_t d, std::int64_t column) const {
    return tiles ? chunked(d, column, kPageTokens) : panel_at(d, column, kPageTokens);
  }
  // The column of values that is a token of the page.
  constexpr std::int64_t column_of(std::int64_t token) const { return tiles ? tile_column(token) : token; }
  static constexpr std::int64_t tile_column(std::int64_t token) {
    return token / 32 * 32 + token / 16 % 2 * 16 + token / 2 % 4 * 4 + token / 8 % 2 * 2 + token % 2;
  }

  // Byte of (row, column) where rows have 64 or 128 bytes.
  static constexpr std::int64_t chunked(std::int64_t row, std::int64_t column, std::int64_t row_bytes) {
    const std::int64_t exchange = row_bytes == 128 ? row % 8 : row / 2 % 4;
    return row * row_bytes + (column / 16 ^ exchange) * 16 + column % 16;
  }

 private:
  constexpr std::int64_t panel_at(std::int64_t row, std::int64_t column, std::int64_t columns) const {
    return row / kPanelRows * limbs * plane_bytes(columns) + panel_offset(row % kPanelRows, column);
  }
};

}  // namespace verbatim::cuda
