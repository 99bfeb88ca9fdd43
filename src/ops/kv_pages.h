// KvPages: the memory of the KV cache, a pool of pages of 128 tokens.
//
// A page holds one attention block (spec/attention.h) of one sequence: its keys and values in every layer and
// KV head, as integers with one scale a token and head. Keys and values lie as packed panels (panels.h), so
// the kernels of the linear layers serve attention too:
//   keys    8 panels of 16 tokens x key_columns (head_dim padded to a quad): scores = q . K^T
//   values  ceil(head_dim / 16) panels of 16 dimensions x 128 tokens:          output = w . V
// Each panel has one or two limb planes. A page is one contiguous run of bytes, so copying a page copies the
// block. Places that no token has filled hold zeros or old finite values: their weights are 0, which adds
// nothing. Who owns which page is not known here (schedule/block_pool.h).
#pragma once

#include <cstdint>

#include "base/aligned_buffer.h"
#include "ops/panels.h"
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
template <class Byte, class Float>
struct KvHead {
  Byte* keys;          // 8 panels, each `limbs` planes of (16 tokens x key_columns)
  Byte* values;        // value_panels() panels, each `limbs` planes of (16 dimensions x 128 tokens)
  Float* key_scale;    // (128)
  Float* value_scale;  // (128)
};

class KvPages {
 public:
  KvPages(KvShape shape, std::int64_t pages)
      : shape_(shape), pages_(pages), bytes_(static_cast<std::size_t>(pages * shape.page_bytes())) {}

  const KvShape& shape() const { return shape_; }
  std::int64_t pages() const { return pages_; }

  // REQUIRES: 0 <= page < pages(), 0 <= layer < layers, 0 <= head < kv_heads
  KvHead<std::int8_t, float> head(std::int64_t page, std::int64_t layer, std::int64_t head) {
    return parts<std::int8_t, float>(bytes_.data() + offset(page, layer, head));
  }
  KvHead<const std::int8_t, const float> head(std::int64_t page, std::int64_t layer,
                                              std::int64_t head) const {
    return parts<const std::int8_t, const float>(bytes_.data() + offset(page, layer, head));
  }
  void copy_page(std::int64_t from, std::int64_t to);

 private:
  std::int64_t offset(std::int64_t page, std::int64_t layer, std::int64_t head) const {
    return page * shape_.page_bytes() + (layer * shape_.kv_heads + head) * shape_.head_bytes();
  }
  template <class Byte, class Float>
  KvHead<Byte, Float> parts(Byte* at) const {
    auto* scales = reinterpret_cast<Float*>(at + shape_.key_bytes() + shape_.value_bytes());
    return {at, at + shape_.key_bytes(), scales, scales + kPageTokens};
  }

  KvShape shape_;
  std::int64_t pages_;
  AlignedBuffer<std::int8_t> bytes_;
};

}  // namespace verbatim
