// The integer kernel on AVX2: vpmaddwd on int16, 16 multiply-adds an instruction, exact.
//
// A slab of weights is widened to int16 in the first cache, whatever its kind, and then serves every row of
// the block. One quad of a panel is four vectors of (4 rows x 4 columns); an activation quad is broadcast, so
// an int32 lane sums two of the four columns:
//
//   one limb on either side   |pair of products| <= 2 * 16319 * 127 < 2^22: 518 pairs stay below 2^31
//   two limbs on both sides   |pair of products| <= 2 * 16319^2: only 4 pairs stay below 2^31, see SplitTile
#include <immintrin.h>

#include "backend/cpu/gemm_blocked.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kSlabColumns = 512;  // 16 KiB of int16

__m128i load16(const std::int8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
__m256i load32(const std::int16_t* p) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(p)); }
void store32(std::int16_t* p, __m256i v) { _mm256_store_si256(reinterpret_cast<__m256i*>(p), v); }

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

// Bytes of 4 rows -> 16-bit elements (4 rows x 4 columns)
__m256i spread_rows(const std::int8_t* p, __m256i (*widen)(__m128i)) {
  std::int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  const __m128i order = _mm_setr_epi8(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  return widen(_mm_shuffle_epi8(_mm_cvtsi32_si128(four), order));
}

// offset + step * code for the 8 quads of each group of 32 columns
void widen_i4(const std::int8_t* codes, const std::int8_t* steps, std::int64_t columns, std::int16_t* to) {
  const __m128i nibble = _mm_set1_epi8(15);
  for (std::int64_t group = 0; group < columns / kI4Group; ++group) {
    for (int v = 0; v < 4; ++v) {  // rows 4 v .. 4 v + 3
      const __m256i step =
          spread_rows(steps + 4 * v, [](__m128i bytes) { return _mm256_cvtepu8_epi16(bytes); });
      const __m256i offset =
          spread_rows(steps + kPanelRows + 4 * v, [](__m128i bytes) { return _mm256_cvtepi8_epi16(bytes); });
      const auto decode = [&](__m128i code) {
        return _mm256_add_epi16(offset, _mm256_mullo_epi16(step, _mm256_cvtepu8_epi16(code)));
      };
      for (int quad = 0; quad < 4; ++quad) {
        const __m128i pair = load16(codes + quad * 64 + v * 16);
        store32(to + quad * 64 + v * 16, decode(_mm_and_si128(pair, nibble)));
        store32(to + (quad + 4) * 64 + v * 16, decode(_mm_and_si128(_mm_srli_epi16(pair, 4), nibble)));
      }
    }
    codes += kI4Group * kPanelRows / 2;
    steps += 2 * kPanelRows;
    to += kI4Group * kPanelRows;
  }
}

// sum += unit * acc.   acc[v]: rows 4 v .. 4 v + 3, two int32 lanes each;  sum: (16)
void add_lane_pairs(const __m256i (&acc)[4], double unit, double* sum) {
  const auto add_four = [unit](double* to, __m128i rows) {
    const __m256d scaled = _mm256_mul_pd(_mm256_cvtepi32_pd(rows), _mm256_set1_pd(unit));
    _mm256_store_pd(to, _mm256_add_pd(_mm256_load_pd(to), scaled));
  };
  for (int half = 0; half < 2; ++half) {
    const __m256i pairs = _mm256_hadd_epi32(acc[2 * half], acc[2 * half + 1]);
    const __m256i rows = _mm256_permute4x64_epi64(pairs, _MM_SHUFFLE(3, 1, 2, 0));
    add_four(sum + 8 * half, _mm256_castsi256_si128(rows));
    add_four(sum + 8 * half + 4, _mm256_extracti128_si256(rows, 1));
  }
}

struct Plain {
  using Element = std::int16_t;
  using Weight = std::int16_t;
  using Vector = __m256i;
  static constexpr int kVectors = 4, kRows = 2, kChains = 8;
  static constexpr std::int64_t kScratchWeights = kSlabColumns * kPanelRows;

  static const std::int16_t* elements(const GemmRows& x) { return x.wide; }
  static int planes(WeightKind) { return 1; }  // the slab joins the limbs of a weight
  static std::int64_t slab_columns(WeightKind) { return kSlabColumns; }
  static double start(const GemmRows&, std::int64_t, int) { return 0; }

  static const std::int16_t* slab(WeightKind kind, const std::int8_t* panel, std::int64_t k, int,
                                  std::int64_t k0, std::int64_t columns, std::int16_t* scratch) {
    const std::int8_t* at = panel + k0 * kPanelRows;
    switch (kind) {
      case WeightKind::i8:
        widen_i8(at, columns, scratch);
        break;
      case WeightKind::i16:
        widen_i16(at, at + plane_bytes(k), columns, scratch);
        break;
      case WeightKind::i4:
        widen_i4(panel + i4_codes_bytes(k0), panel + i4_codes_bytes(k) + k0, columns, scratch);
        break;
    }
    return scratch;
  }

  static __m256i load_weights(const std::int16_t* w) { return load32(w); }
  static __m256i broadcast(const std::int16_t* x) {
    long long quad;
    __builtin_memcpy(&quad, x, sizeof quad);
    return _mm256_set1_epi64x(quad);
  }
  static __m256i add(__m256i a, __m256i b) { return _mm256_add_epi32(a, b); }
  static __m256i multiply_add(__m256i acc, __m256i w, __m256i x) { return add(acc, _mm256_madd_epi16(w, x)); }
  static void add_to_sum(const __m256i (&acc)[4], double unit, double* sum) {
    add_lane_pairs(acc, unit, sum);
  }

  template <int R, int L>
  static void tile(const TileArgs<Plain>& t) {
    register_tile<Plain, R, L>(t);
  }
};

// Two limbs on both sides. The pairs of four quads are added in 32 bits, then split: `wrap` sums them modulo 2^32,
// `high` sums their upper halves (floor of t / 2^16), and what remains, sum of t mod 2^16, is below 2^32 and known
// modulo 2^32. So the lane's sum is 2^16 * high + (wrap - 2^16 * high mod 2^32), exactly.
struct SplitSum {
  __m256i wrap = {}, high = {};

  void add(__m256i t) {
    wrap = _mm256_add_epi32(wrap, t);
    high = _mm256_add_epi32(high, _mm256_srai_epi32(t, 16));
  }
  __m256i low() const { return _mm256_sub_epi32(wrap, _mm256_slli_epi32(high, 16)); }
};

struct Split : Plain {
  static constexpr int kRows = 2;  // and two of the four vectors: twelve registers of sums
  static_assert(kSlabColumns / kQuad < 1 << 13, "the folded low halves, 2 * 2^16 * quads, stay below 2^31");

  // Q quads from `quad` on, for the vectors 2 * half and 2 * half + 1 of every row.
  template <int Q, int R>
  static void add_quads(const TileArgs<Split>& t, std::int64_t quad, int half, SplitSum (&sums)[R][2]) {
    __m256i pairs[R][2] = {};
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) {
      const std::int16_t* at = t.w + (quad + q) * 64 + half * 32;
      const __m256i w[2] = {load_weights(at), load_weights(at + 16)};
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) {
        const __m256i x = broadcast(t.x + r * t.stride + (quad + q) * kQuad);
#pragma GCC unroll 2
        for (int v = 0; v < 2; ++v) {
          pairs[r][v] = q == 0 ? _mm256_madd_epi16(w[v], x) : multiply_add(pairs[r][v], w[v], x);
        }
      }
    }
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) sums[r][v].add(pairs[r][v]);
    }
  }

  template <int R, int L>
  static void tile(const TileArgs<Split>& t) {
    __m256i high[R][4], low[R][4];
    for (int half = 0; half < 2; ++half) {
      SplitSum sums[R][2];
      std::int64_t quad = 0;
      for (; quad + 4 <= t.quads; quad += 4) add_quads<4>(t, quad, half, sums);
      for (; quad < t.quads; ++quad) add_quads<1>(t, quad, half, sums);
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < 2; ++v) {
          high[r][2 * half + v] = sums[r][v].high;
          low[r][2 * half + v] = sums[r][v].low();
        }
      }
    }
    for (int r = 0; r < R; ++r) {
      add_to_sum(high[r], 65536, t.sum + r * kPanelRows);
      add_to_sum(low[r], 1, t.sum + r * kPanelRows);
    }
  }
};

void gemm(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  if (x.limbs == 2 && w.kind == WeightKind::i16) {
    gemm_blocked<Split, 1>(x, w, out);
  } else {
    gemm_blocked<Plain, 1>(x, w, out);
  }
}

}  // namespace

constexpr GemmKernel kGemmAvx2{RowForm::wide16, gemm};

}  // namespace verbatim::cpu
