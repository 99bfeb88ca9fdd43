#include "backend/cpu/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "backend/cpu/row_layout.h"
#include "base/check.h"
#include "spec/attention.h"

namespace verbatim::cpu {
namespace {

// Query rows of a tile: enough to use each key and value many times, few enough that scores and partial
// results stay in the second cache.
constexpr std::int64_t kTileRows = 32;

struct Tile {
  const SegmentView* segment = nullptr;
  std::int64_t kv_head = 0;
  std::int64_t first_token = 0, tokens = 0;  // within the segment
};

std::vector<Tile> tiles_of(const AttentionCall& call) {
  std::int64_t kv_heads = call.cache.shape.kv_heads;
  std::int64_t tile_tokens = std::max<std::int64_t>(1, kTileRows / (call.args.heads / kv_heads));
  std::vector<Tile> tiles;
  for (const SegmentView& segment : call.step.all_segments()) {
    for (std::int64_t first = 0; first < segment.rows; first += tile_tokens) {
      for (std::int64_t kv_head = 0; kv_head < kv_heads; ++kv_head) {
        tiles.push_back({&segment, kv_head, first, std::min(tile_tokens, segment.rows - first)});
      }
    }
  }
  return tiles;
}

// The computation of one tile.
class TileAttention {
 public:
  TileAttention(const CpuKernels& kernels, const AttentionCall& call, const Tile& tile,
                AttentionScratch& scratch)
      : kernels_(kernels),
        call_(call),
        tile_(tile),
        shape_(call.cache.shape),
        group_(call.args.heads / shape_.kv_heads),
        rows_(tile.tokens * group_),
        q_layout_(RowLayout::of(kernels.gemm.form, shape_.head_dim, call.args.limbs)),
        w_layout_(RowLayout::of(kernels.gemm.form, kPageTokens, call.args.limbs)),
        q_(at_least(scratch.q, rows_ * q_layout_.stride_bytes)),
        w_(at_least(scratch.w, rows_ * w_layout_.stride_bytes)),
        q_scale_(at_least(scratch.q_scale, rows_)),
        w_scale_(at_least(scratch.w_scale, rows_)),
        scores_(at_least(scratch.scores, rows_ * kPageTokens)),
        chain_{at_least(scratch.chain_m, rows_), at_least(scratch.chain_l, rows_),
               at_least(scratch.chain_o, rows_ * shape_.head_dim)},
        block_{at_least(scratch.block_m, rows_), at_least(scratch.block_l, rows_),
               at_least(scratch.block_o, rows_ * shape_.head_dim)} {}

  void run() {
    quantise_queries();
    start_chain();
    std::int64_t first = spec::first_visible(position(0), call_.args.window) / kPageTokens;
    for (std::int64_t block = first; block * kPageTokens <= position(tile_.tokens - 1); ++block) {
      attend_block(block);
    }
    write_result();
  }

 private:
  std::int64_t position(std::int64_t token) const {
    return tile_.segment->first_position + tile_.first_token + token;
  }
  std::int64_t batch_row(std::int64_t token) const {
    return tile_.segment->first_row + tile_.first_token + token;
  }
  // The query head of row (token, head of the group).
  std::int64_t head(std::int64_t row) const { return tile_.kv_head * group_ + row % group_; }
  // Where the row lies in q and y.
  std::int64_t place(std::int64_t row) const {
    return (batch_row(row / group_) * call_.args.heads + head(row)) * shape_.head_dim;
  }
  ChainRows from_row(const ChainRows& of, std::int64_t row) const {
    return {of.m + row, of.l + row, of.o + row * shape_.head_dim};
  }

  // q_scale = s_q * c, the row scale of the scores (R2).
  void quantise_queries() {
    const float c = spec::attention_scale(shape_.head_dim, shape_.rotation(), call_.args.scores.scale);
    for (std::int64_t row = 0; row < rows_; ++row) {
      const float* q = call_.q + place(row);
      if (shape_.rotated) {
        float* rotated = chain_.o + row * shape_.head_dim;  // free until start_chain()
        std::copy_n(q, shape_.head_dim, rotated);
        kernels_.ops.hadamard(rotated, shape_.head_dim, shape_.rotation());
        q = rotated;
      }
      RowScale s = kernels_.ops.quantise(q, shape_.head_dim, call_.args.limbs, q_layout_.row(q_, row));
      if (!s.finite) call_.faults.set(batch_row(row / group_));
      q_scale_[row] = s.scale * c;
    }
  }

  // (-infinity, +0, -0) is the neutral element of merge: then a = +0 and b = 1, l' = fma(+0, +0, l_B), and
  // o' = fma(-0, +0, o_B) = -0 + o_B, which is o_B for every o_B, zeros of both signs included. A sink is (sink, 1, +0).
  void start_chain() {
    const float* sinks = call_.args.sinks;
    for (std::int64_t row = 0; row < rows_; ++row) chain_.m[row] = sinks ? sinks[head(row)] : -INFINITY;
    std::fill_n(chain_.l, rows_, sinks ? 1.0f : 0.0f);
    std::fill_n(chain_.o, rows_ * shape_.head_dim, sinks ? 0.0f : -0.0f);
  }

  void attend_block(std::int64_t block) {
    std::int64_t start = block * kPageTokens, end = start + kPageTokens, window = call_.args.window;
    // The tokens that see anything of this block stand side by side.
    std::int64_t first = std::max<std::int64_t>(0, start - position(0));
    std::int64_t last = tile_.tokens;
    if (window > 0) last = std::min(last, end + window - 1 - position(0));
    std::int64_t row = first * group_, rows = (last - first) * group_;
    std::int64_t page = call_.step.page_of(*tile_.segment, block);
    auto kv = call_.cache.head(page, call_.args.layer, tile_.kv_head);
    const float cap = call_.args.scores.cap;
    WeightKind kind = shape_.limbs == 2 ? WeightKind::i16 : WeightKind::i8;

    std::int64_t seen = std::min(end, position(last - 1) + 1) - start;
    std::int64_t key_panels = padded_rows(seen) / kPanelRows;
    kernels_.gemm.gemm(q_layout_.rows(q_, row, rows, shape_.key_columns()),
                       {kind, kv.keys, shape_.key_panel_bytes(), key_panels},
                       {.y = scores_ + row * kPageTokens,
                        .stride = kPageTokens,
                        .n = key_panels * kPanelRows,
                        .row_scale = q_scale_ + row,
                        .column_scale = kv.key_scale});

    for (std::int64_t r = row; r < row + rows; ++r) {
      std::int64_t p = position(r / group_);
      std::int64_t visible = std::max(start, spec::first_visible(p, window)) - start;
      std::int64_t after = std::min(end, p + 1) - start;
      float* scores = scores_ + r * kPageTokens;
      if (cap > 0) kernels_.ops.softcap(scores + visible, cap, after - visible);
      BlockShare share = kernels_.ops.attend_block(scores, kv.value_scale, visible, after, call_.args.limbs,
                                                   w_layout_.row(w_, r));
      block_.m[r] = share.m;
      block_.l[r] = share.l;
      w_scale_[r] = share.w_scale;
    }

    kernels_.gemm.gemm(w_layout_.rows(w_, row, rows, kPageTokens),
                       {kind, kv.values, shape_.value_panel_bytes(), shape_.value_panels()},
                       {.y = block_.o + row * shape_.head_dim,
                        .stride = shape_.head_dim,
                        .n = shape_.head_dim,
                        .row_scale = w_scale_ + row});
    kernels_.ops.merge(from_row(chain_, row), from_row(block_, row), rows, shape_.head_dim);
  }

  void write_result() {
    for (std::int64_t row = 0; row < rows_; ++row) {
      float* y = call_.y + place(row);
      kernels_.ops.divide(chain_.o + row * shape_.head_dim,
                          chain_.l[row] * static_cast<float>(shape_.rotation()), shape_.head_dim, y);
      kernels_.ops.hadamard(y, shape_.head_dim, shape_.rotation());
    }
  }

  const CpuKernels& kernels_;
  const AttentionCall& call_;
  const Tile& tile_;
  const KvShape& shape_;
  std::int64_t group_;  // query heads of a KV head
  std::int64_t rows_;   // (token, head of the group), token-major
  RowLayout q_layout_, w_layout_;
  std::byte *q_, *w_;
  float *q_scale_, *w_scale_, *scores_;
  ChainRows chain_, block_;
};

}  // namespace

void attend(const CpuKernels& kernels, const AttentionCall& call, ThreadPool& pool,
            std::vector<AttentionScratch>& scratch) {
  std::int64_t kv_heads = call.cache.shape.kv_heads;
  CHECK(call.args.heads % kv_heads == 0, "{} query heads over {} KV heads", call.args.heads, kv_heads);
  std::vector<Tile> tiles = tiles_of(call);
  std::atomic<std::size_t> next{0};
  pool.run([&](int part) {
    for (std::size_t i = next++; i < tiles.size(); i = next++) {
      TileAttention(kernels, call, tiles[i], scratch[static_cast<std::size_t>(part)]).run();
    }
  });
}

}  // namespace verbatim::cpu
