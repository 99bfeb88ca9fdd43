// The integer kernel on AVX2: vpmaddwd on int16, 16 multiply-adds an instruction, exact.
//
// A slab of weights is widened to int16 in the first cache, whatever its kind, and then serves every row of
// the block. One quad of a panel is four vectors of (4 rows x 4 columns); an activation quad is broadcast, so
// an int32 lane sums two of the four columns, and two lanes make a row:
//
//   one limb on either side   |4 products| <= 4 * 16319 * 127: 259 quads, 1036 columns, stay below 2^31
//   two limbs on both sides   of codes |2 products| <= 2 * 16319^2: a lane holds 4 quads below 2^31, see Split;
//                             of floats three products are wanted: see Three
#include <immintrin.h>

#include <new>

#include "backend/cpu/avx2/few_rows.h"
#include "backend/cpu/avx2/integers.h"
#include "backend/cpu/avx2/unpack_codes.h"
#include "backend/cpu/few_rows.h"
#include "backend/cpu/gemm_blocked.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kSlabColumns = 512;  // 16 KiB of int16, in the first cache

// (columns * 16) limbs -> int16
void widen_i8(const std::int8_t* from, std::int64_t columns, std::int16_t* to) {
  for (std::int64_t i = 0; i < columns * kPanelRows; i += 16)
    store32(to + i, _mm256_cvtepi8_epi16(load16(from + i)));
}

// 128 * high + low, within int16 since |q| <= 16319
void widen_i16(const std::int8_t* high, const std::int8_t* low, std::int64_t columns, std::int16_t* to) {
  for (std::int64_t i = 0; i < columns * kPanelRows; i += 16) {
    const __m256i h = _mm256_cvtepi8_epi16(load16(high + i)), l = _mm256_cvtepi8_epi16(load16(low + i));
    store32(to + i, _mm256_add_epi16(_mm256_slli_epi16(h, 7), l));
  }
}

struct Plain {
  using Element = std::int16_t;
  using Weight = std::int16_t;
  using WeightVector = __m256i;
  using Vector = Int32x8;
  using PanelOut = NoPanelOut;
  static constexpr bool kDirect = false;
  static constexpr int kVectors = 4, kRows = 3, kChains = 8, kUnroll = 1;
  static constexpr std::int64_t kScratchWeights = kSlabColumns * kPanelRows;

  static const std::int16_t* elements(const GemmRows& x) { return x.wide; }
  static int planes(WeightKind) { return 1; }  // the slab joins the limbs of a weight
  static std::int64_t slab_columns(WeightKind) { return kSlabColumns; }
  static double start(const GemmRows&, std::int64_t, int, bool) { return 0; }

  static const std::int16_t* slab(WeightKind kind, const std::int8_t* panel, std::int64_t k, int,
                                  std::int64_t k0, std::int64_t columns, std::int16_t* scratch) {
    const std::int8_t* at = panel + k0 * kPanelRows;
    if (holds_codes(kind)) {
      for_code_blocks<UnpackCodes>(kind, panel, k0, columns, scratch);
    } else if (limbs_of(kind) == 1) {
      widen_i8(at, columns, scratch);
    } else {
      widen_i16(at, at + plane_bytes(k), columns, scratch);
    }
    return scratch;
  }

  static __m256i load_weights(const std::int16_t* w) { return load32(w); }
  static __m256i broadcast(const std::int16_t* x) {
    long long quad;
    __builtin_memcpy(&quad, x, sizeof quad);
    return _mm256_set1_epi64x(quad);
  }
  static Int32x8 add(Int32x8 a, Int32x8 b) { return a + b; }
  static Int32x8 multiply_add(Int32x8 acc, __m256i w, __m256i x) {
    return acc + Int32x8(_mm256_madd_epi16(w, x));
  }
  static void add_to_sum(const Int32x8 (&acc)[4], double unit, double* sum) {
    add_lane_pairs(acc, unit, sum);
  }

  template <int R, int L>
  static void tile(const TileArgs<Plain>& t) {
    register_tile<Plain, R, L>(t);
  }
};

// i8 weights for so few rows that widening on the way costs less than a slab.
struct Direct : Plain {
  using Weight = std::int8_t;
  static constexpr std::int64_t kScratchWeights = 1;  // none

  static std::int64_t slab_columns(WeightKind) { return 1024; }
  static const std::int8_t* slab(WeightKind, const std::int8_t* panel, std::int64_t, int, std::int64_t k0,
                                 std::int64_t, std::int8_t*) {
    return panel + k0 * kPanelRows;
  }
  static __m256i load_weights(const std::int8_t* w) { return _mm256_cvtepi8_epi16(load16(w)); }

  template <int R, int L>
  static void tile(const TileArgs<Direct>& t) {
    register_tile<Direct, R, L>(t);
  }
};

// Two limbs on both sides. The pairs of four quads are added in 32 bits, then split: `wrap` sums them modulo
// 2^32, `high` sums their upper halves (floor of t / 2^16), and what remains, sum of t mod 2^16, is below
// 2^32 and known modulo 2^32. So the lane's sum is 2^16 * high + (wrap - 2^16 * high mod 2^32), exactly.
struct SplitSum {
  Int32x8 wrap = {}, high = {};

  void add(Int32x8 t) {
    wrap += t;
    high += t >> 16;
  }
  Int32x8 low() const { return wrap - (high << 16); }
};

struct Split : Plain {
  static constexpr int kRows = 1;  // eight registers of sums
  static_assert(kSlabColumns / kQuad < 1 << 13, "two folded lanes, below 2 * 2^16 * quads, stay below 2^31");

  // Q quads from `quad` on.
  template <int Q>
  static void add_quads(const TileArgs<Split>& t, std::int64_t quad, SplitSum (&sums)[kVectors]) {
    __m256i x[Q];
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) x[q] = broadcast(t.x + (quad + q) * kQuad);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      Int32x8 pairs = {};
#pragma GCC unroll 4
      for (int q = 0; q < Q; ++q) {
        pairs = multiply_add(pairs, load_weights(t.w + ((quad + q) * kVectors + v) * 16), x[q]);
      }
      sums[v].add(pairs);
    }
  }

  template <int R, int L>
  static void tile(const TileArgs<Split>& t) {
    SplitSum sums[kVectors];
    std::int64_t quad = 0;
    for (; quad + 4 <= t.quads; quad += 4) add_quads<4>(t, quad, sums);
    for (; quad < t.quads; ++quad) add_quads<1>(t, quad, sums);
    add_to_sum({sums[0].high, sums[1].high, sums[2].high, sums[3].high}, 65536, t.sum);
    add_to_sum({sums[0].low(), sums[1].low(), sums[2].low(), sums[3].low()}, 1, t.sum);
  }
};

// Two limbs of floats on both sides: h w + l h', in units of 128, for x = 128 h + l and w = 128 h' + l'. The rows hold their
// limbs as two planes, low_offset apart; a slab holds w, then h'. |2 products| of a quad in a lane <= 2 * 127 * (16319 + 64), of a
// slab below 2^29.
struct Three : Plain {
  static constexpr std::int64_t kColumns = kSlabColumns / 2;

  static std::int64_t slab_columns(WeightKind) { return kColumns; }
  static const std::int16_t* slab(WeightKind, const std::int8_t* panel, std::int64_t k, int, std::int64_t k0,
                                  std::int64_t columns, std::int16_t* scratch) {
    const std::int8_t* high = panel + k0 * kPanelRows;
    widen_i16(high, high + plane_bytes(k), columns, scratch);
    widen_i8(high, columns, scratch + kColumns * kPanelRows);
    return scratch;
  }

  template <int R, int L>
  static void tile(const TileArgs<Three>& t) {
    Int32x8 acc[R][kVectors] = {};
    for (std::int64_t quad = 0; quad < t.quads; ++quad) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const std::int16_t* at = t.w + (quad * kVectors + v) * 16;
        const __m256i w = load_weights(at), high = load_weights(at + kColumns * kPanelRows);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          const std::int16_t* x = t.x + r * t.stride + quad * kQuad;
          acc[r][v] =
              multiply_add(multiply_add(acc[r][v], w, broadcast(x)), high, broadcast(x + t.low_offset));
        }
      }
    }
    for (int r = 0; r < R; ++r) add_to_sum(acc[r], t.unit, t.sum + r * kPanelRows);
  }
};

// The limbs of rows as two planes.
class LimbRows {
 public:
  explicit LimbRows(const GemmRows& x) : rows_(x) {
    rows_.stride = (x.k + 15) / 16 * 16;
    rows_.low_offset = rows_.stride * x.rows;
    limbs_ = static_cast<std::int16_t*>(
        ::operator new(static_cast<std::size_t>(2 * rows_.low_offset) * sizeof(std::int16_t), kAligned));
    rows_.wide = limbs_;
    for (std::int64_t m = 0; m < x.rows; ++m) {
      for (std::int64_t k = 0; k < x.k; k += 16) {  // rows are padded to 64
        const auto* from = reinterpret_cast<const __m256i*>(x.wide + m * x.stride + k);
        const __m256i q = _mm256_loadu_si256(from);
        const __m256i high = _mm256_srai_epi16(_mm256_add_epi16(q, _mm256_set1_epi16(64)), 7);
        std::int16_t* to = limbs_ + m * rows_.stride + k;
        store32(to, high);
        store32(to + rows_.low_offset, _mm256_sub_epi16(q, _mm256_slli_epi16(high, 7)));
      }
    }
  }
  ~LimbRows() { ::operator delete(limbs_, kAligned); }
  LimbRows(const LimbRows&) = delete;
  LimbRows& operator=(const LimbRows&) = delete;

  const GemmRows& rows() const { return rows_; }

 private:
  static constexpr std::align_val_t kAligned{64};

  GemmRows rows_;
  std::int16_t* limbs_;
};

void gemm(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  if (takes_few_rows<Avx2FewRows>(x, w.kind)) {
    gemm_few_rows<Avx2FewRows>(x, w, out);
  } else if (three_products(x.limbs, w.kind)) {
    gemm_blocked<Three, 1>(LimbRows(x).rows(), w, out);
  } else if (x.limbs == 2 && limbs_of(w.kind) == 2) {
    gemm_blocked<Split, 1>(x, w, out);
  } else if (limbs_of(w.kind) == 1 && x.rows <= 2 * Direct::kRows) {
    gemm_blocked<Direct, 1>(x, w, out);
  } else {
    gemm_blocked<Plain, 1>(x, w, out);
  }
}

}  // namespace

constexpr GemmKernel kGemmAvx2{RowForm::wide16, gemm};

}  // namespace verbatim::cpu
