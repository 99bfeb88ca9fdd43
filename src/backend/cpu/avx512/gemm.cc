// The integer kernel on AVX-512 VNNI: vpdpbusd, 64 multiply-adds an instruction, on int8 limb planes.
//
// The instruction multiplies unsigned by signed bytes, so the weights are read as w + 128 (one xor for a
// whole tile of rows) and every sum starts from -128 * sum of x instead of 0:
//
//   sum (w + 128) x - 128 sum x = sum w x, exactly
//
// An int32 lane holds |sum (w + 128) x| <= 255 * 127 * K, which stays below 2^31 for K = 65536 < 66,311: the
// length of a slab. vpdpbusd does not saturate (vpdpbusds would).
#include <immintrin.h>

#include "backend/cpu/avx512/few_rows.h"
#include "backend/cpu/avx512/finish.h"
#include "backend/cpu/avx512/gemm_codes.h"
#include "backend/cpu/avx512/unpack_codes.h"
#include "backend/cpu/few_rows.h"
#include "backend/cpu/gemm_blocked.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kCodesSlabColumns = 512;  // two planes of 8 KiB, in the first cache
// Weights are asked for this many bytes ahead: the hardware's own prefetch stops at every 4 KiB page. Beyond the end of the
// weights it does no harm: a prefetch never faults.
constexpr std::int64_t kAhead = 4096;

// sum of p[0 .. k), k rounded up to 64: what follows a row's k columns is zeros
int sum_of(const std::int8_t* p, std::int64_t k) {
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sum = _mm512_setzero_si512();
  for (std::int64_t i = 0; i < k; i += 64) sum = _mm512_dpbusd_epi32(sum, ones, _mm512_loadu_si512(p + i));
  return _mm512_reduce_add_epi32(sum);
}

struct Vnni {
  using Element = std::int8_t;
  using Weight = std::int8_t;
  using WeightVector = __m512i;
  // Not __m512i: the compiler then keeps each in its register.
  using Vector = int __attribute__((vector_size(64)));
  using PanelOut = cpu::PanelOut;
  static constexpr bool kDirect = true;
  static constexpr int kVectors = 1, kRows = 12, kChains = 8, kUnroll = 4;
  static constexpr std::int64_t kScratchWeights = 2 * kCodesSlabColumns * kPanelRows;

  static const std::int8_t* elements(const GemmRows& x) { return x.planes; }
  static int planes(WeightKind kind) { return limbs_of(kind); }
  static std::int64_t slab_columns(WeightKind kind) { return holds_codes(kind) ? kCodesSlabColumns : 65536; }

  // -128 * sum of each limb of x.   REQUIRES: one slab of columns
  static void limb_starts(const GemmRows& x, std::int64_t m, std::int32_t* start) {
    const std::int8_t* row = x.planes + m * x.stride;
    for (int l = 0; l < x.limbs; ++l) start[l] = -128 * sum_of(row + l * x.low_offset, x.k);
  }

  // -128 * sum of x for each limb plane of the weights
  static double start(const GemmRows& x, std::int64_t m, int planes, bool three) {
    const std::int8_t* row = x.planes + m * x.stride;
    const double high = sum_of(row, x.k);
    const double sum = x.limbs == 2 ? 128 * high + sum_of(row + x.low_offset, x.k) : high;
    return -128 * (planes == 2 ? 128 * sum + (three ? 128 * high : sum) : sum);
  }

  static const std::int8_t* slab(WeightKind kind, const std::int8_t* panel, std::int64_t k, int plane,
                                 std::int64_t k0, std::int64_t columns, std::int8_t* scratch) {
    if (!holds_codes(kind)) return panel + plane * plane_bytes(k) + k0 * kPanelRows;
    const LimbPlanes planes{scratch, scratch + kCodesSlabColumns * kPanelRows};
    if (plane == 0) for_code_blocks<UnpackCodes>(kind, panel, k0, columns, planes);
    return plane == 0 ? planes.high : planes.low;
  }

  static __m512i load_weights(const std::int8_t* w) {
    _mm_prefetch(reinterpret_cast<const char*>(w + kAhead), _MM_HINT_T0);
    return _mm512_xor_si512(_mm512_loadu_si512(w), _mm512_set1_epi8(-128));
  }
  static __m512i broadcast(const std::int8_t* x) {
    int quad;
    __builtin_memcpy(&quad, x, sizeof quad);
    return _mm512_set1_epi32(quad);
  }
  static Vector add(Vector a, Vector b) { return a + b; }
  static Vector multiply_add(Vector acc, __m512i w, __m512i x) {
    return Vector(_mm512_dpbusd_epi32(__m512i(acc), w, x));
  }
  static void add_to_sum(const Vector (&acc)[1], double unit, double* sum) {
    const __m512i rows = __m512i(acc[0]);
    const __m256i halves[2] = {_mm512_castsi512_si256(rows), _mm512_extracti64x4_epi64(rows, 1)};
    for (int h = 0; h < 2; ++h) {
      const __m512d scaled = _mm512_mul_pd(_mm512_cvtepi32_pd(halves[h]), _mm512_set1_pd(unit));
      _mm512_store_pd(sum + 8 * h, _mm512_add_pd(_mm512_load_pd(sum + 8 * h), scaled));
    }
  }

  template <int L>
  static void finish(const Vector (&acc)[L][1], const std::int32_t* start, std::int64_t row,
                     const PanelOut& out) {
    const __m512i last = _mm512_add_epi32(__m512i(acc[L - 1][0]), _mm512_set1_epi32(start[L - 1]));
    if constexpr (L == 1) {
      out.put(row, _mm512_cvtepi32_ps(last));
    } else {
      out.put(row, join_two(_mm512_add_epi32(__m512i(acc[0][0]), _mm512_set1_epi32(start[0])), last));
    }
  }

  template <int R, int L>
  static void tile(const TileArgs<Vnni>& t) {
    register_tile<Vnni, R, L>(t);
  }
};

void gemm(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  if (takes_codes(x, w.kind)) return gemm_codes(x, w, out);
  if (takes_few_rows<VnniFewRows>(x, w.kind)) return gemm_few_rows<VnniFewRows>(x, w, out);
  x.limbs == 2 ? gemm_blocked<Vnni, 2>(x, w, out) : gemm_blocked<Vnni, 1>(x, w, out);
}

}  // namespace

constexpr GemmKernel kGemmAvx512{RowForm::planes8, gemm};

}  // namespace verbatim::cpu
