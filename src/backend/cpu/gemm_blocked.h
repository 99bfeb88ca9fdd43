// gemm_blocked: the loops of the integer kernel, written once for every instruction set that works on
// registers (AVX2, AVX-512, NEON). A set says how to load 16 weights x 4 columns and how to multiply and add;
// this file says in which order memory is walked.
//
// Sums are exact at every level, so the order is free:
//   tile   R rows x 16 outputs x one slab of columns, in int32 registers; a slab is short enough for int32
//   sum    (row block, 16) doubles in the first cache, where slabs and limb planes meet: exact below 2^53
//   y      one rounding to float32, then the scales (gemm_epilogue.h)
//
// Of two limb planes of floats, the low one meets the high limbs of x alone (three_products).
//
// Where all columns are one slab, and the weights one plane, a set may finish a tile from its registers (Set::kDirect).
//
// Everything here has internal linkage on purpose: each instruction set compiles its own copy with its own
// flags, and the linker must never put one set's copy in place of another's. For the same reason these files
// call no function template of the standard library.
#pragma once

#include <cstdint>

#include "backend/cpu/gemm.h"
#include "backend/cpu/gemm_epilogue.h"

namespace verbatim::cpu {
namespace {

// Rows that share one pass over a panel: their sums (16 KiB) and one slab of weights stay in the first cache.
inline constexpr std::int64_t kRowBlock = 120;

// What one tile reads and where its sums go.
template <class Set>
struct TileArgs {
  // (rows, stride) at the slab's first column; two limbs: low plane low_offset on.
  const typename Set::Element* x;
  std::int64_t stride, low_offset;  // elements
  const typename Set::Weight* w;    // (quads, 16, 4): the slab
  std::int64_t quads;
  double unit;  // what one in this limb plane of w, times one in the last limb of x, stands for: 1 or 128
  double* sum;  // (rows, 16): added to
  // kDirect: where the tile's outputs go, of which row `row` is the first; nullptr: to sum
  const typename Set::PanelOut* out;
  const std::int32_t* start;  // (rows, L): what its sums start from
  std::int64_t row;
};

// R rows of L limb planes times one slab of one limb plane of weights. V vectors hold one quad of a panel.
// Quads are taken Q at a time; small tiles deal them to S accumulators in turn, so that enough independent
// sums are in flight.
template <class Set, int R, int L>
void register_tile(const TileArgs<Set>& t) {
  constexpr int V = Set::kVectors;
  constexpr int S = R * L * V >= Set::kChains ? 1 : Set::kChains / (R * L * V);
  constexpr int Q = Set::kUnroll, kStep = S > Q ? S : Q;
  static_assert(kStep % Q == 0 && kStep % S == 0);
  constexpr int kVectorWeights = kPanelRows * kQuad / V;
  typename Set::Vector acc[S][R][L][V] = {};

  const auto add_quads = [&]<int kQuads>(std::int64_t quad, int turn) __attribute__((always_inline)) {
    typename Set::WeightVector w[kQuads][V];
#pragma GCC unroll 8
    for (int q = 0; q < kQuads; ++q) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) w[q][v] = Set::load_weights(t.w + ((quad + q) * V + v) * kVectorWeights);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int l = 0; l < L; ++l) {
        const typename Set::Element* x = t.x + r * t.stride + l * t.low_offset + quad * kQuad;
#pragma GCC unroll 8
        for (int q = 0; q < kQuads; ++q) {
          const typename Set::WeightVector x_quad = Set::broadcast(x + q * kQuad);
#pragma GCC unroll 4
          for (int v = 0; v < V; ++v) {
            auto& sum = acc[(turn + q) % S][r][l][v];
            sum = Set::multiply_add(sum, w[q][v], x_quad);
          }
        }
      }
    }
  };
  std::int64_t quad = 0;
  for (; quad + kStep <= t.quads; quad += kStep) {
#pragma GCC unroll 8
    for (int turn = 0; turn < kStep; turn += Q) add_quads.template operator()<Q>(quad + turn, turn);
  }
  if constexpr (kStep > 1) {
    for (; quad < t.quads; ++quad) add_quads.template operator()<1>(quad, 0);
  }

#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int l = 0; l < L; ++l) {
#pragma GCC unroll 16
      for (int s = 1; s < S; ++s) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) acc[0][r][l][v] = Set::add(acc[0][r][l][v], acc[s][r][l][v]);
      }
    }
    if constexpr (Set::kDirect) {
      if (t.out != nullptr) {
        Set::finish(acc[0][r], t.start + r * L, t.row + r, *t.out);
        continue;
      }
    }
#pragma GCC unroll 2
    for (int l = 0; l < L; ++l) {
      Set::add_to_sum(acc[0][r][l], l + 1 < L ? 128 * t.unit : t.unit, t.sum + r * kPanelRows);
    }
  }
}

// Of sets that always go by way of the sums.
struct NoPanelOut {
  NoPanelOut(const GemmOut&, std::int64_t) {}
};

// The tiles of L limb planes by their number of rows, 1 .. Set::kRows.
template <class Set, int L>
struct Tiles {
  using Tile = void (*)(const TileArgs<Set>&);
  Tile of_rows[Set::kRows + 1] = {};

  constexpr Tiles() { fill<Set::kRows>(); }
  template <int R>
  constexpr void fill() {
    of_rows[R] = Set::template tile<R, L>;
    if constexpr (R > 1) fill<R - 1>();
  }
};

// L: limb planes of x that a tile sees (1 where Set::Element holds both limbs).
template <class Set, int L>
requires(kRowBlock % Set::kRows == 0) void gemm_blocked(const GemmRows& x, const GemmPanels& w,
                                                        const GemmOut& out) {
  static constexpr Tiles<Set, L> kTiles;
  static constexpr Tiles<Set, 1> kHighTiles;
  alignas(64) typename Set::Weight scratch[Set::kScratchWeights];
  alignas(64) double sum[kRowBlock * kPanelRows];
  double start[kRowBlock];
  std::int32_t limb_start[kRowBlock * L];
  const bool three = three_products(x.limbs, w.kind);
  const int planes = Set::planes(w.kind);
  const std::int64_t slab_columns = Set::slab_columns(w.kind);
  const bool direct = Set::kDirect && planes == 1 && x.k <= slab_columns;
  const std::int64_t block = even_block(x.rows, kRowBlock, Set::kRows);

  for (std::int64_t m0 = 0; m0 < x.rows; m0 += block) {
    const std::int64_t rows = x.rows - m0 < block ? x.rows - m0 : block;
    for (std::int64_t m = 0; m < rows; ++m) {
      if constexpr (Set::kDirect) {
        if (direct) Set::limb_starts(x, m0 + m, limb_start + m * L);
      }
      if (!direct) start[m] = Set::start(x, m0 + m, planes, three);
    }

    for (std::int64_t p = 0; p * kPanelRows < out.n; ++p) {
      const typename Set::PanelOut panel_out(out, p);
      for (std::int64_t i = 0; i < rows * kPanelRows && !direct; ++i) sum[i] = start[i / kPanelRows];
      for (std::int64_t k0 = 0; k0 < x.k; k0 += slab_columns) {
        const std::int64_t columns = x.k - k0 < slab_columns ? x.k - k0 : slab_columns;
        for (int plane = 0; plane < planes; ++plane) {
          const auto& tiles = three && plane == 1 ? kHighTiles.of_rows : kTiles.of_rows;
          TileArgs<Set> t{Set::elements(x) + m0 * x.stride + k0,
                          x.stride,
                          x.low_offset,
                          Set::slab(w.kind, w.data + p * w.panel_bytes, x.k, plane, k0, columns, scratch),
                          columns / kQuad,
                          plane + 1 < planes || three ? 128.0 : 1.0,
                          sum,
                          direct ? &panel_out : nullptr,
                          limb_start,
                          m0};
          for (std::int64_t m = 0; m < rows; m += Set::kRows) {
            tiles[rows - m < Set::kRows ? rows - m : Set::kRows](t);
            t.x += Set::kRows * x.stride;
            t.sum += Set::kRows * kPanelRows;
            t.start += Set::kRows * L;
            t.row += Set::kRows;
          }
        }
      }
      for (std::int64_t m = 0; m < rows && !direct; ++m) finish_row(sum + m * kPanelRows, m0 + m, p, out);
    }
  }
}

}  // namespace
}  // namespace verbatim::cpu
