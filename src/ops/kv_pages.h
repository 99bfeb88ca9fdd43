// KvPages: the KV cache, a pool of pages of 128 tokens.
//
// A page holds one attention block (spec/attention.h) of one sequence: its keys and values in every layer and
// KV head, as integers with one scale a token and head. Keys and values lie as packed panels (panels.h), so
// the kernels of the linear layers serve attention too:
//   keys    8 panels of 16 tokens x key_columns (head_dim padded to a quad): scores = q . K^T
//   values  ceil(head_dim / 16) panels of 16 dimensions x 128 tokens:          output = w . V
// Each panel has one or two limb planes. A page is one contiguous run of bytes, so copying a page copies the
// block. Places that no token has filled hold zeros or old finite values: their weights are 0, which adds
// nothing. Who owns which page is not known here (schedule/block_pool.h).
//
// A backend may lay out the keys and values of a head as its kernels like; the sizes and the scales are for all.
#pragma once

#include <cstdint>

#include "ops/array.h"
#include "ops/panels.h"
#include "ops/step_batch.h"
#include "spec/attention.h"

namespace verbatim {

inline constexpr std::int64_t kPageTokens = spec::kAttentionBlock;

struct KvShape {
  std::int64_t layers = 0, kv_heads = 0, head_dim = 0;
  int limbs = 2;         // 1: kv8, 2: kv16
  bool rotated = false;  // queries, keys and values are rotated (spec/attention.h)

  constexpr std::int64_t rotation() const { return spec::attention_block(head_dim, rotated); }
  constexpr std::int64_t key_columns() const { return round_up(head_dim, kQuad); }
  constexpr std::int64_t key_panel_bytes() const { return limbs * plane_bytes(key_columns()); }
  constexpr std::int64_t key_bytes() const { return kPageTokens / kPanelRows * key_panel_bytes(); }
  constexpr std::int64_t value_panels() const { return padded_rows(head_dim) / kPanelRows; }
  constexpr std::int64_t value_panel_bytes() const { return limbs * plane_bytes(kPageTokens); }
  constexpr std::int64_t value_bytes() const { return value_panels() * value_panel_bytes(); }
  // One (layer, KV head) of one page: key panels, value panels, key scales (128), value scales (128).
  constexpr std::int64_t head_bytes() const {
    return key_bytes() + value_bytes() + 2 * kPageTokens * static_cast<std::int64_t>(sizeof(float));
  }
  constexpr std::int64_t page_bytes() const { return layers * kv_heads * head_bytes(); }
  // How many pages fit into so much memory.
  constexpr std::int64_t pages_in(std::int64_t bytes) const { return bytes / page_bytes(); }
};

// The parts of one (page, layer, KV head).
struct KvHead {
  std::int8_t* keys;    // 8 panels, each `limbs` planes of (16 tokens x key_columns)
  std::int8_t* values;  // value_panels() panels, each `limbs` planes of (16 dimensions x 128 tokens)
  float* key_scale;     // (128)
  float* value_scale;   // (128)
};

// The pages, as operations see them. Not owned.
struct KvPages {
  KvShape shape;
  std::int64_t pages = 0;
  std::int8_t* bytes = nullptr;  // (pages * shape.page_bytes())

  constexpr std::int8_t* page(std::int64_t number) const { return bytes + number * shape.page_bytes(); }
  constexpr std::int8_t* head_at(std::int64_t number, std::int64_t layer, std::int64_t kv_head) const {
    return page(number) + (layer * shape.kv_heads + kv_head) * shape.head_bytes();
  }
  // REQUIRES: 0 <= number < pages, 0 <= layer < layers, 0 <= kv_head < kv_heads
  KvHead head(std::int64_t number, std::int64_t layer, std::int64_t kv_head) const {
    std::int8_t* at = head_at(number, layer, kv_head);
    auto* scales = reinterpret_cast<float*>(at + shape.key_bytes() + shape.value_bytes());
    return {at, at + shape.key_bytes(), scales, scales + kPageTokens};
  }
};

// The memory of pages, zeros at first.
class KvCache {
 public:
  KvCache(Memory& memory, KvShape shape, std::int64_t pages)
      : memory_(memory),
        bytes_(memory, static_cast<std::size_t>(pages * shape.page_bytes())),
        pages_{shape, pages, bytes_.data()} {}

  const KvPages& pages() const { return pages_; }
  void copy_page(PageCopy copy) noexcept;

 private:
  Memory& memory_;
  Array<std::int8_t> bytes_;
  KvPages pages_;
};

}  // namespace verbatim
