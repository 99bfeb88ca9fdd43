// finish: from exact int32 sums of limbs to 16 float32 outputs of a panel, with AVX-512. Rounding: R1 to R4 of spec/linear.h.
// Internal linkage on purpose, see gemm_blocked.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "backend/cpu/gemm.h"

namespace verbatim::cpu {
namespace {

// f32(128 high + low), rounded once, for sums of limbs of at most 131072 columns. With t = high + floor(low / 128) the
// number is 2^14 floor(t / 128) + rest, 0 <= rest < 2^14: |t| stays below 2^31, so both parts are exact in float32.
inline __m512 join_two(__m512i high, __m512i low) {
  const __m512i t = _mm512_add_epi32(high, _mm512_srai_epi32(low, 7));
  const __m512i rest =
      _mm512_and_si512(_mm512_add_epi32(_mm512_slli_epi32(high, 7), low), _mm512_set1_epi32((1 << 14) - 1));
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_srai_epi32(t, 7)), _mm512_set1_ps(1 << 14),
                         _mm512_cvtepi32_ps(rest));
}

// The outputs of one panel: put() scales exact numbers, adds the bias and writes those that exist.
class PanelOut {
 public:
  PanelOut(const GemmOut& out, std::int64_t panel)
      : out_(out),
        y_(out.y + panel * kPanelRows),
        mask_(mask_of(out.n - panel * kPanelRows)),
        column_scale_(out.column_scale ? _mm512_loadu_ps(out.column_scale + panel * kPanelRows)
                                       : _mm512_set1_ps(1.0f)),
        bias_(out.bias ? _mm512_maskz_loadu_ps(mask_, out.bias + panel * kPanelRows) : _mm512_setzero_ps()) {}

  void put(std::int64_t row, __m512 exact) const {
    const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(out_.row_scale[row]), column_scale_);
    __m512 y = _mm512_mul_ps(exact, scale);
    if (out_.bias) y = _mm512_add_ps(y, bias_);
    _mm512_mask_storeu_ps(y_ + row * out_.stride, mask_, y);
  }

 private:
  static __mmask16 mask_of(std::int64_t left) {
    return static_cast<__mmask16>(left < kPanelRows ? (1 << left) - 1 : 0xffff);
  }

  const GemmOut& out_;
  float* y_;
  __mmask16 mask_;
  __m512 column_scale_, bias_;
};

}  // namespace
}  // namespace verbatim::cpu
