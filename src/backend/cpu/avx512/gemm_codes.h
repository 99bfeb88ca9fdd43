// gemm_codes: rows times 4-bit codes in groups of 32, without expanding them. Internal linkage on purpose, see gemm_blocked.h.
//
// A weight is z + g c, so a row's sum is, over the groups of columns,
//
//   sum x w  =  sum over groups of  g * sum c x  +  z * sum x
//
// for each limb of x. vpdpbusd sums u x in a group, u = c + 8 unsigned, from -8 * sum x on: |sum c x| <= 32 * 8 * 127 < 2^15.
// The sums of two groups make pairs of int16, which vpdpwssd multiplies by the pair of steps; pairs of z meet pairs of sum x,
// |sum x| <= 32 * 127. With |g| <= 4079 and |z| <= 16319 a pair of groups adds at most
// 2 * (2^15 * 4079 + 16319 * 4064) < 2^31 / 5: four fit int32.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "backend/cpu/avx512/finish.h"
#include "backend/cpu/gemm_epilogue.h"

namespace verbatim::cpu {
namespace {

// Not __m512i: the compiler then keeps each in its register.
using Int32x16 = int __attribute__((vector_size(64)));

inline constexpr int kCodesRows = 6;  // of a tile

// 64 columns of one limb of a row: two groups.
struct RowBlock {
  std::int8_t x[64];
  std::int32_t start[2];  // -8 * sum x of each group
  std::int32_t pair;      // both sums as int16
  std::int32_t unused;
};

// Rows as tiles read them, on and on: (tiles, k / 64, kCodesRows, limbs).
class TiledRows {
 public:
  // Rows that fit: those of a call are cut into blocks of as many, each of which is a pass over the weights.
  static std::int64_t most(const GemmRows& x) {
    return kMost / (x.limbs * (x.k / 64)) / kCodesRows * kCodesRows;
  }

  void fill(const GemmRows& x, std::int64_t m0, std::int64_t rows) {
    of_tile_ = x.k / 64 * kCodesRows * x.limbs;
    for (std::int64_t m = 0; m < rows; ++m) {
      for (int limb = 0; limb < x.limbs; ++limb) {
        const std::int8_t* row = x.planes + (m0 + m) * x.stride + limb * x.low_offset;
        RowBlock* to = blocks_ + m / kCodesRows * of_tile_ + m % kCodesRows * x.limbs + limb;
        for (std::int64_t k = 0; k < x.k; k += 64, to += kCodesRows * x.limbs) store(row + k, *to);
      }
    }
  }
  const RowBlock* tile(std::int64_t m) const { return blocks_ + m / kCodesRows * of_tile_; }

 private:
  static constexpr std::int64_t kMost = 8192;  // 640 KiB, a part of the second cache

  static void store(const std::int8_t* x, RowBlock& to) {
    const __m512i columns = _mm512_loadu_si512(x);
    _mm512_storeu_si512(to.x, columns);
    __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), columns);
    sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32(sum, _MM_PERM_BADC));
    sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32(sum, _MM_PERM_CDAB));
    sum = _mm512_add_epi32(sum, _mm512_shuffle_i32x4(sum, sum, _MM_SHUFFLE(2, 3, 0, 1)));
    const int first = _mm_cvtsi128_si32(_mm512_castsi512_si128(sum));
    const int second = _mm_cvtsi128_si32(_mm512_extracti32x4_epi32(sum, 2));
    to.start[0] = -8 * first;
    to.start[1] = -8 * second;
    to.pair = static_cast<std::int32_t>((first & 0xffff) | static_cast<std::uint32_t>(second) << 16);
  }

  std::int64_t of_tile_ = 0;
  RowBlock blocks_[kMost];
};

// What a tile reads: rows from the first on, and one panel.
struct CodesTile {
  std::int64_t row, blocks;
  const RowBlock* x;
  const std::int8_t* panel;
  const PanelOut& out;
};

// sum + products of unsigned bytes with the four signed ones at x. The compiler (GCC 12) would broadcast them by an instruction
// of its own: a third more to decode.
inline __m512i add_products(__m512i sum, __m512i u, const std::int8_t* x) {
  using Quad = const std::int8_t[kQuad];
  asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(u), "m"(*reinterpret_cast<Quad*>(x)));
  return sum;
}

template <int R, int L, bool kOffsets>
void codes_tile(const CodesTile& t) {
  constexpr int kBlocksInInt32 = 4;
  constexpr std::int64_t kAhead = 4096;  // bytes, see gemm.cc
  constexpr CodeForm kForm = code_form(kOffsets ? WeightKind::c4z : WeightKind::c4);
  constexpr std::int64_t kBlock = block_bytes(kForm), kSteps = codes_bytes(kForm),
                         kZ = kSteps + steps_bytes(kForm);
  static_assert(kSteps == 512 && kZ == 576);
  const __m512i nibble = _mm512_set1_epi8(15);
  __m512d total[R][2];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) total[r][0] = total[r][1] = _mm512_setzero_pd();

  const std::int8_t* at = t.panel;
  const RowBlock* x = t.x;
  for (std::int64_t block = 0; block < t.blocks;) {
    Int32x16 acc[R][L] = {};
    const std::int64_t end = block + kBlocksInInt32 < t.blocks ? block + kBlocksInInt32 : t.blocks;
    for (; block < end; ++block, at += kBlock, x += kCodesRows * L) {
      __m512i u[16];  // quads of both groups
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        _mm_prefetch(reinterpret_cast<const char*>(at + kAhead + i * 64), _MM_HINT_T0);
        const __m512i two = _mm512_loadu_si512(at + i * 64);
        u[i / 4 * 8 + i % 4] = _mm512_and_si512(two, nibble);
        u[i / 4 * 8 + i % 4 + 4] = _mm512_and_si512(_mm512_srli_epi16(two, 4), nibble);
      }
      _mm_prefetch(reinterpret_cast<const char*>(at + kAhead + kSteps), _MM_HINT_T0);
      const __m512i step = _mm512_loadu_si512(at + kSteps);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
        for (int l = 0; l < L; ++l) {
          const RowBlock& of = x[r * L + l];
          __m512i sum[2];
#pragma GCC unroll 2
          for (int g = 0; g < 2; ++g) {
            sum[g] = _mm512_set1_epi32(of.start[g]);
#pragma GCC unroll 8
            for (int q = 0; q < 8; ++q) {
              sum[g] = add_products(sum[g], u[g * 8 + q], of.x + (g * 8 + q) * kQuad);
            }
          }
          const __m512i both = _mm512_mask_blend_epi16(0xaaaaaaaa, sum[0], _mm512_slli_epi32(sum[1], 16));
          acc[r][l] = Int32x16(_mm512_dpwssd_epi32(__m512i(acc[r][l]), both, step));
        }
      }
      if constexpr (kOffsets) {
        _mm_prefetch(reinterpret_cast<const char*>(at + kAhead + kZ), _MM_HINT_T0);
        const __m512i offset = _mm512_loadu_si512(at + kZ);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
          for (int l = 0; l < L; ++l) {
            const __m512i of_x = _mm512_set1_epi32(x[r * L + l].pair);
            acc[r][l] = Int32x16(_mm512_dpwssd_epi32(__m512i(acc[r][l]), offset, of_x));
          }
        }
      }
    }
    // To doubles, which hold the whole sum exactly.
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        const auto part = [half](__m512i v) {
          return _mm512_cvtepi32_pd(half == 0 ? _mm512_castsi512_si256(v) : _mm512_extracti64x4_epi64(v, 1));
        };
        __m512d sum = _mm512_add_pd(total[r][half], part(__m512i(acc[r][L - 1])));
        if constexpr (L == 2) sum = _mm512_fmadd_pd(part(__m512i(acc[r][0])), _mm512_set1_pd(128), sum);
        total[r][half] = sum;
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    const __m512 exact = _mm512_castps256_ps512(_mm512_cvtpd_ps(total[r][0]));
    t.out.put(t.row + r, _mm512_insertf32x8(exact, _mm512_cvtpd_ps(total[r][1]), 1));
  }
}

template <int L, bool kOffsets>
void codes_of_panel(CodesTile t, const TiledRows& tiles, std::int64_t rows) {
  using Tile = void (*)(const CodesTile&);
  static constexpr Tile kTiles[kCodesRows + 1] = {nullptr,
                                                  codes_tile<1, L, kOffsets>,
                                                  codes_tile<2, L, kOffsets>,
                                                  codes_tile<3, L, kOffsets>,
                                                  codes_tile<4, L, kOffsets>,
                                                  codes_tile<5, L, kOffsets>,
                                                  codes_tile<6, L, kOffsets>};
  for (std::int64_t m = 0; m < rows; m += kCodesRows, t.row += kCodesRows) {
    t.x = tiles.tile(m);
    kTiles[rows - m < kCodesRows ? rows - m : kCodesRows](t);
  }
}

inline bool takes_codes(const GemmRows& x, WeightKind kind) {
  return (kind == WeightKind::c4 || kind == WeightKind::c4z) && TiledRows::most(x) > 0;
}

inline void gemm_codes(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  const bool offsets = code_form(w.kind).offsets;
  const std::int64_t block = even_block(x.rows, TiledRows::most(x), kCodesRows);
  TiledRows tiles;
  for (std::int64_t m0 = 0; m0 < x.rows; m0 += block) {
    const std::int64_t rows = x.rows - m0 < block ? x.rows - m0 : block;
    tiles.fill(x, m0, rows);
    for (std::int64_t p = 0; p * kPanelRows < out.n; ++p) {
      const PanelOut panel_out(out, p);
      const CodesTile tile{m0, x.k / 64, nullptr, w.data + p * w.panel_bytes, panel_out};
      if (x.limbs == 2) {
        offsets ? codes_of_panel<2, true>(tile, tiles, rows) : codes_of_panel<2, false>(tile, tiles, rows);
      } else {
        offsets ? codes_of_panel<1, true>(tile, tiles, rows) : codes_of_panel<1, false>(tile, tiles, rows);
      }
    }
  }
}

}  // namespace
}  // namespace verbatim::cpu
