// The integer kernel on AMX: tdpbssd, 16 x 16 outputs times 64 columns an instruction, on int8 limb planes.
//
// Operand B is a panel as it lies in memory: 16 quads are one tile of 1024 bytes. Operand A is 16 rows of one
// limb plane of x. Every step multiplies two A tiles by two B tiles into four int32 tiles:
//
//   A   two limbs: the high and the low plane of 16 rows;     one limb: 32 rows
//   B   two limbs: the high and the low plane of one panel;   i8: two panels
//
// A step runs over all columns while its sums stay in their tiles, and reads rows and weights from the second cache: a block
// of rows lies there, and two panels at a time pass through. What its steps leave of the memory's time brings the next two.
//
// |sum| <= 127 * 127 * K stays below 2^31 for K <= 131072. Longer sums, columns that are no multiple of 64
// and very few rows (memory bound) go to the AVX-512 kernel, which every processor with AMX has.
#include <immintrin.h>

#include "backend/cpu/avx512/finish.h"
#include "backend/cpu/avx512/unpack_codes.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/gemm_epilogue.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kTile = 16;  // rows of a tile, and outputs
constexpr std::int64_t kTileColumns = 64;
constexpr std::int64_t kTileBytes = kTile * kTileColumns;
constexpr std::int64_t kTileSums = kTile * kTile;

constexpr std::int64_t kMinRows = 5;
constexpr std::int64_t kMaxColumns = 131072;
// Of rows that share a pass over the weights: half a second cache of 2 MiB.
constexpr std::int64_t kBlockBytes = 1 << 20;
constexpr std::int64_t kMaxBlock = 512;           // rows
constexpr std::int64_t kCodesSlabColumns = 2048;  // of two planes, 64 KiB

// Tile registers: 0 .. 3 sums (2 a + b), 4 and 5 A, 6 and 7 B.
// Intel SDM vol. 1, 18.3: the 64 bytes of TILECFG.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  explicit TileConfig(std::int64_t x_rows) {
    for (int tile = 0; tile < 8; ++tile) {
      row_bytes[tile] = kTileColumns;
      rows[tile] = static_cast<std::uint8_t>(tile < 6 ? x_rows : kTile);
    }
  }
};

// The tile intrinsics do not tell the compiler which memory they read: stores before must not sink below.
inline void finish_stores() { asm volatile("" ::: "memory"); }

// Brings one tile of weights into the second cache.
inline void prefetch_tile(const std::int8_t* b) {
#pragma GCC unroll 16
  for (std::int64_t quad = 0; quad < kTileBytes; quad += kTileColumns) {
    _mm_prefetch(reinterpret_cast<const char*>(b + quad), _MM_HINT_T1);
  }
}

// What one step reads: `tiles` times 64 columns of two A tiles and two B tiles.
struct Operands {
  const std::int8_t* a[2];  // (16, stride) each
  std::int64_t stride;
  const std::int8_t* b[2];  // one plane of a panel each: (tiles, 16, 64)
  std::int64_t tiles;
  const std::int8_t* next[2];  // weights of the next panels, of which a step brings `ahead` tiles each nearer
  std::int64_t ahead;
};

// sums = (first ? 0 : sums) + A B.   sums: (2, 2, 16, 16)
//
// Weights come from memory, and tile loads alone do not keep enough of it in flight. A prefetch beyond the end of the weights
// is harmless: it never faults.
// three: without the second A times the second B.
template <bool three>
void multiply(const Operands& x, bool first, std::int32_t* sums) {
  constexpr int kSumsStride = kPanelRows * sizeof(std::int32_t);
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    if constexpr (!three) _tile_zero(3);
  } else {
    _tile_loadd(0, sums, kSumsStride);
    _tile_loadd(1, sums + kTileSums, kSumsStride);
    _tile_loadd(2, sums + 2 * kTileSums, kSumsStride);
    if constexpr (!three) _tile_loadd(3, sums + 3 * kTileSums, kSumsStride);
  }
  for (std::int64_t t = 0; t < x.tiles; ++t) {
    if (t < x.ahead) {
      prefetch_tile(x.next[0] + t * kTileBytes);
      prefetch_tile(x.next[1] + t * kTileBytes);
    }
    _tile_loadd(6, x.b[0] + t * kTileBytes, kTileColumns);
    _tile_loadd(4, x.a[0] + t * kTileColumns, x.stride);
    _tile_dpbssd(0, 4, 6);
    _tile_loadd(7, x.b[1] + t * kTileBytes, kTileColumns);
    _tile_dpbssd(1, 4, 7);
    _tile_loadd(5, x.a[1] + t * kTileColumns, x.stride);
    _tile_dpbssd(2, 5, 6);
    if constexpr (!three) _tile_dpbssd(3, 5, 7);
  }
  _tile_stored(0, sums, kSumsStride);
  _tile_stored(1, sums + kTileSums, kSumsStride);
  _tile_stored(2, sums + 2 * kTileSums, kSumsStride);
  if constexpr (!three) _tile_stored(3, sums + 3 * kTileSums, kSumsStride);
}

// f32(2^14 a + 2^7 (b + c) + d), rounded once: exact in double until then.
inline __m512 join_four(__m512i a, __m512i b, __m512i c, __m512i d) {
  const auto half = [](__m256i x, __m256i y, __m256i z) {
    const __m512d base = _mm512_set1_pd(128);
    const __m512d upper = _mm512_fmadd_pd(_mm512_cvtepi32_pd(x), base, _mm512_cvtepi32_pd(y));
    return _mm512_cvtpd_ps(_mm512_fmadd_pd(upper, base, _mm512_cvtepi32_pd(z)));
  };
  const __m512i middle = _mm512_add_epi32(b, c);  // <= 2 * 127 * 64 * 131072
  const auto upper = [](__m512i v) { return _mm512_extracti64x4_epi64(v, 1); };
  const __m256 first =
      half(_mm512_castsi512_si256(a), _mm512_castsi512_si256(middle), _mm512_castsi512_si256(d));
  return _mm512_insertf32x8(_mm512_castps256_ps512(first), half(upper(a), upper(middle), upper(d)), 1);
}

// L limb planes of x, P limb planes of the weights; three: without the product of the low ones (three_products).
template <int L, int P, bool three = false>
struct TileGemm {
  static constexpr int kRowTiles = 2 / L, kPanels = 2 / P;  // of one step
  static constexpr std::int64_t kStepRows = kRowTiles * kTile;

  const GemmRows& x;
  const GemmPanels& w;
  const GemmOut& out;
  std::int64_t tile_rows;  // min(16, rows)

  // Of a tile of a step. The last tiles of rows and panels move back to lie inside: what they share with those before is
  // computed twice, to the same bits.
  std::int64_t first_row(std::int64_t step, int tile) const {
    const std::int64_t row = step + tile * kTile, last = x.rows - tile_rows;
    return row < last ? row : last;
  }
  std::int64_t panel(std::int64_t p, int i) const { return (p + i) * kPanelRows < out.n ? p + i : p; }

  // The slab of columns from k0 on of two B operands.
  void load_slab(std::int64_t p, std::int64_t k0, std::int8_t* scratch, Operands& to) const {
    if (holds_codes(w.kind)) {
      const LimbPlanes planes{scratch, scratch + kCodesSlabColumns * kPanelRows};
      for_code_blocks<UnpackCodes>(w.kind, w.data + p * w.panel_bytes, k0, to.tiles * kTileColumns, planes);
      to.b[0] = planes.high;
      to.b[1] = planes.low;
    }
    for (int i = 0; i < 2 && !holds_codes(w.kind); ++i) {
      to.b[i] = w.data + panel(p, P == 2 ? 0 : i) * w.panel_bytes + (P == 2 ? i * plane_bytes(x.k) : 0) +
                k0 * kPanelRows;
      to.next[i] = to.b[i] + kPanels * w.panel_bytes;
    }
    finish_stores();
  }

  void multiply_step(std::int64_t step, std::int64_t k0, Operands& from, std::int32_t* sums) const {
    for (int i = 0; i < 2; ++i) {
      from.a[i] =
          x.planes + first_row(step, L == 2 ? 0 : i) * x.stride + (L == 2 ? i * x.low_offset : 0) + k0;
    }
    multiply<three>(from, k0 == 0, sums);
    for (int i = 0; i < 2; ++i) from.next[i] += from.ahead * kTileBytes;
  }

  // Joins the limbs of every output of a step: spec/linear.h, R1 to R4, on 16 outputs at a time.
  void finish_step(std::int64_t step, std::int64_t p, const std::int32_t* sums) const {
    for (int tile = 0; tile < kRowTiles; ++tile) {
      const std::int64_t row = first_row(step, tile);
      for (int i = 0; i < kPanels && (p + i) * kPanelRows < out.n; ++i) {
        const PanelOut panel_out(out, p + i);
        for (std::int64_t r = 0; r < tile_rows; ++r)
          panel_out.put(row + r, join(tile, i, sums + r * kPanelRows));
      }
    }
  }

  // f32 of the exact integers of 16 outputs.   sums: at their row of the first tile
  static __m512 join(int tile, int i, const std::int32_t* sums) {
    const auto at = [sums](int a, int b) { return _mm512_load_si512(sums + (2 * a + b) * kTileSums); };
    if constexpr (three) {
      const __m512i middle = _mm512_add_epi32(at(0, 1), at(1, 0));  // <= 2 * 127 * 64 * 131072 < 2^31
      return _mm512_mul_ps(join_two(at(0, 0), middle), _mm512_set1_ps(128));
    }
    if constexpr (L == 2 && P == 2) return join_four(at(0, 0), at(0, 1), at(1, 0), at(1, 1));
    if constexpr (L == 2) return join_two(at(0, i), at(1, i));
    if constexpr (P == 2) return join_two(at(tile, 0), at(tile, 1));
    return _mm512_cvtepi32_ps(at(tile, i));
  }

  std::int64_t rows_of_block() const {
    const std::int64_t fit = kBlockBytes / (x.k * L) / kStepRows * kStepRows;
    const std::int64_t limit = fit < kStepRows ? kStepRows : fit < kMaxBlock ? fit : kMaxBlock;
    return even_block(x.rows, limit, kStepRows);
  }

  void run() const {
    alignas(64) std::int8_t scratch[2 * kCodesSlabColumns * kPanelRows];  // of codes
    // Of every step of a block where columns come in slabs; else of one step.
    alignas(64) std::int32_t sums[kMaxBlock / kStepRows][4 * kTileSums];
    const std::int64_t block = rows_of_block();
    const std::int64_t slab = holds_codes(w.kind) && x.k > kCodesSlabColumns ? kCodesSlabColumns : x.k;

    Operands operands{};
    operands.stride = x.stride;
    for (std::int64_t m0 = 0; m0 < x.rows; m0 += block) {
      const std::int64_t end = x.rows < m0 + block ? x.rows : m0 + block;
      for (std::int64_t p = 0; p * kPanelRows < out.n; p += kPanels) {
        for (std::int64_t k0 = 0; k0 < x.k; k0 += slab) {
          const std::int64_t columns = x.k - k0 < slab ? x.k - k0 : slab;
          operands.tiles = columns / kTileColumns;
          load_slab(p, k0, scratch, operands);
          const std::int64_t steps = (end - m0 + kStepRows - 1) / kStepRows;  // that share the prefetch
          operands.ahead = holds_codes(w.kind) ? 0 : (operands.tiles + steps - 1) / steps;
          for (std::int64_t step = m0; step < end; step += kStepRows) {
            std::int32_t* step_sums = sums[slab < x.k ? (step - m0) / kStepRows : 0];
            multiply_step(step, k0, operands, step_sums);
            if (k0 + columns == x.k) finish_step(step, p, step_sums);
          }
        }
      }
    }
  }
};

void gemm(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  if (x.rows < kMinRows || x.k > kMaxColumns || x.k % kTileColumns != 0) {
    kGemmAvx512.gemm(x, w, out);
    return;
  }
  const std::int64_t tile_rows = x.rows < kTile ? x.rows : kTile;
  const TileConfig config(tile_rows);
  finish_stores();
  _tile_loadconfig(&config);
  if (limbs_of(w.kind) == 2) {
    if (three_products(x.limbs, w.kind)) {
      TileGemm<2, 2, true>{x, w, out, tile_rows}.run();
    } else {
      x.limbs == 2 ? TileGemm<2, 2>{x, w, out, tile_rows}.run() : TileGemm<1, 2>{x, w, out, tile_rows}.run();
    }
  } else {
    x.limbs == 2 ? TileGemm<2, 1>{x, w, out, tile_rows}.run() : TileGemm<1, 1>{x, w, out, tile_rows}.run();
  }
  _tile_release();
}

}  // namespace

constexpr GemmKernel kGemmAmx{RowForm::planes8, gemm};

}  // namespace verbatim::cpu
