// The integer kernel on AMX: tdpbssd, 16 x 16 outputs times 64 columns an instruction, on int8 limb planes.
//
// Operand B is a panel as it lies in memory: 16 quads are one tile of 1024 bytes. Operand A is 16 rows of one
// limb plane of x. Every step multiplies two A tiles by two B tiles into four int32 tiles:
//
//   A   two limbs: the high and the low plane of 16 rows;     one limb: 32 rows
//   B   i16: the high and the low plane of one panel;         i8, i4: two panels
//
// |sum| <= 127 * 127 * K stays below 2^31 for K <= 131072. Longer sums, columns that are no multiple of 64
// and very few rows (memory bound) go to the AVX-512 kernel, which every processor with AMX has.
#include <immintrin.h>

#include "backend/cpu/avx512/unpack_i4.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/gemm_epilogue.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kTile = 16;  // rows of a tile, and outputs
constexpr std::int64_t kTileColumns = 64;
constexpr std::int64_t kTileSums = kTile * kTile;

constexpr std::int64_t kMinRows = 5;
constexpr std::int64_t kMaxColumns = 131072;
constexpr std::int64_t kSlabColumns = 2048;  // of two panels, 64 KiB: stays in the second cache for every row
constexpr std::int64_t kRowBlock = 128;      // rows that share one pass over the weights

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
  for (std::int64_t quad = 0; quad < kTile; ++quad) {
    _mm_prefetch(reinterpret_cast<const char*>(b + quad * kTileColumns), _MM_HINT_T1);
  }
}

// What one step reads: `columns` columns of two A tiles and two B tiles.
struct Operands {
  const std::int8_t* a[2];  // (16, stride) each
  std::int64_t stride;
  const std::int8_t* b[2];     // one plane of a panel each: (columns / 4, 16, 4)
  const std::int8_t* next[2];  // what b will be for the next panels, to be brought nearer; nullptr: nothing
  std::int64_t columns;
};

// sums = (first ? 0 : sums) + A B.   sums: (2, 2, 16, 16)
//
// With few rows the weights come from memory, and tile loads alone do not keep enough of it in flight. A prefetch beyond the
// end of the weights is harmless: it never faults.
inline void multiply(const Operands& x, bool first, std::int32_t* sums) {
  constexpr int kSumsStride = kTile * sizeof(std::int32_t);
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, kSumsStride);
    _tile_loadd(1, sums + kTileSums, kSumsStride);
    _tile_loadd(2, sums + 2 * kTileSums, kSumsStride);
    _tile_loadd(3, sums + 3 * kTileSums, kSumsStride);
  }
  for (std::int64_t k = 0; k < x.columns; k += kTileColumns) {
    if (x.next[0] != nullptr) {
      prefetch_tile(x.next[0] + k * kPanelRows);
      prefetch_tile(x.next[1] + k * kPanelRows);
    }
    _tile_loadd(6, x.b[0] + k * kPanelRows, kTileColumns);
    _tile_loadd(4, x.a[0] + k, x.stride);
    _tile_dpbssd(0, 4, 6);
    _tile_loadd(7, x.b[1] + k * kPanelRows, kTileColumns);
    _tile_dpbssd(1, 4, 7);
    _tile_loadd(5, x.a[1] + k, x.stride);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_stored(0, sums, kSumsStride);
  _tile_stored(1, sums + kTileSums, kSumsStride);
  _tile_stored(2, sums + 2 * kTileSums, kSumsStride);
  _tile_stored(3, sums + 3 * kTileSums, kSumsStride);
}

// L limb planes of x, P limb planes of the weights.
template <int L, int P>
struct TileGemm {
  static constexpr int kRowTiles = 2 / L, kPanels = 2 / P;  // of one step
  static constexpr std::int64_t kStepRows = kRowTiles * kTile;

  const GemmRows& x;
  const GemmPanels& w;
  const GemmOut& out;
  std::int64_t tile_rows;  // min(16, rows)

  // The last tiles of rows and panels move back to lie inside: what they share with the tiles before is
  // computed twice, to the same bits.
  std::int64_t first_row(std::int64_t step, int tile) const {
    const std::int64_t row = step + tile * kTile, last = x.rows - tile_rows;
    return row < last ? row : last;
  }
  std::int64_t panel(std::int64_t p, int i) const { return (p + i) * kPanelRows < out.n ? p + i : p; }

  // The slab of columns from k0 on of two B operands.
  void load_slab(std::int64_t p, std::int64_t k0, std::int8_t* scratch, Operands& to) const {
    for (int i = 0; i < 2; ++i) {
      const std::int8_t* data = w.data + panel(p, P == 2 ? 0 : i) * w.panel_bytes;
      if (w.kind == WeightKind::i4) {
        std::int8_t* unpacked = scratch + i * kSlabColumns * kPanelRows;
        unpack_i4(data + i4_codes_bytes(k0), data + i4_codes_bytes(x.k) + k0, to.columns, unpacked);
        to.b[i] = unpacked;
      } else {
        to.b[i] = data + (P == 2 ? i * plane_bytes(x.k) : 0) + k0 * kPanelRows;
      }
    }
    finish_stores();
  }

  // `near`: the first step of a slab asks for the next panels' weights.
  void multiply_step(std::int64_t step, std::int64_t k0, bool near, Operands& from,
                     std::int32_t* sums) const {
    for (int i = 0; i < 2; ++i) {
      from.a[i] =
          x.planes + first_row(step, L == 2 ? 0 : i) * x.stride + (L == 2 ? i * x.low_offset : 0) + k0;
      from.next[i] = near && w.kind != WeightKind::i4 ? from.b[i] + kPanels * w.panel_bytes : nullptr;
    }
    multiply(from, k0 == 0, sums);
  }

  // Joins the limbs of every output of a step: spec/linear.h, R1 to R4, on 16 outputs at a time.
  void finish_step(std::int64_t step, std::int64_t p, const std::int32_t* sums) const {
    for (int tile = 0; tile < kRowTiles; ++tile) {
      for (int i = 0; i < kPanels && (p + i) * kPanelRows < out.n; ++i) {
        const std::int64_t first = (p + i) * kPanelRows, left = out.n - first;
        const auto mask = static_cast<__mmask16>(left < kPanelRows ? (1 << left) - 1 : 0xffff);
        const __m512 column_scale =
            out.column_scale ? _mm512_loadu_ps(out.column_scale + first) : _mm512_set1_ps(1.0f);
        for (std::int64_t r = 0; r < tile_rows; ++r) {
          const std::int64_t row = first_row(step, tile) + r;
          __m512 y = join(tile, i, sums + r * kTile);
          y = _mm512_mul_ps(y, _mm512_mul_ps(_mm512_set1_ps(out.row_scale[row]), column_scale));
          if (out.bias) y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(mask, out.bias + first));
          _mm512_mask_storeu_ps(out.y + row * out.stride + first, mask, y);
        }
      }
    }
  }

  // f32 of the exact integers of 16 outputs. The sums of limbs are exact in double, so the fma rounds nothing.
  static __m512 join(int tile, int i, const std::int32_t* sums) {
    __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();
    for (int l = 0; l < L; ++l) {
      for (int plane = 0; plane < P; ++plane) {
        const int a = L == 2 ? l : tile, b = P == 2 ? plane : i;
        const __m512i digit = _mm512_load_si512(sums + (2 * a + b) * kTileSums);
        const __m512d one = _mm512_set1_pd(unit(l, plane));
        low = _mm512_fmadd_pd(_mm512_cvtepi32_pd(_mm512_castsi512_si256(digit)), one, low);
        high = _mm512_fmadd_pd(_mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(digit, 1)), one, high);
      }
    }
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1);
  }

  // What one in limb l of x times one in limb `plane` of the weights stands for.
  static constexpr double unit(int l, int plane) {
    return (l + 1 < L ? 128.0 : 1.0) * (plane + 1 < P ? 128.0 : 1.0);
  }

  void run() const {
    alignas(64) std::int8_t scratch[2 * kSlabColumns * kPanelRows];  // i4 only
    alignas(64) std::int32_t sums[kRowBlock / kStepRows][4 * kTileSums];
    const std::int64_t block = even_block(x.rows, kRowBlock, kStepRows);

    for (std::int64_t m0 = 0; m0 < x.rows; m0 += block) {
      const std::int64_t end = x.rows < m0 + block ? x.rows : m0 + block;
      for (std::int64_t p = 0; p * kPanelRows < out.n; p += kPanels) {
        for (std::int64_t k0 = 0; k0 < x.k; k0 += kSlabColumns) {
          Operands operands;
          operands.stride = x.stride;
          operands.columns = x.k - k0 < kSlabColumns ? x.k - k0 : kSlabColumns;
          load_slab(p, k0, scratch, operands);
          for (std::int64_t step = m0; step < end; step += kStepRows) {
            std::int32_t* step_sums = sums[(step - m0) / kStepRows];
            multiply_step(step, k0, step == m0, operands, step_sums);
            if (k0 + operands.columns == x.k) finish_step(step, p, step_sums);
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
    x.limbs == 2 ? TileGemm<2, 2>{x, w, out, tile_rows}.run() : TileGemm<1, 2>{x, w, out, tile_rows}.run();
  } else {
    x.limbs == 2 ? TileGemm<2, 1>{x, w, out, tile_rows}.run() : TileGemm<1, 1>{x, w, out, tile_rows}.run();
  }
  _tile_release();
}

}  // namespace

constexpr GemmKernel kGemmAmx{RowForm::planes8, gemm};

}  // namespace verbatim::cpu
