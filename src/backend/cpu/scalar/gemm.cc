// The integer kernel in plain C++: one weight at a time, as ops/panels.h lays it out, summed in 64 bits.
// It is the kernel of machines without a faster one, and short enough to be checked by eye.
#include "backend/cpu/gemm.h"

#include "backend/cpu/gemm_epilogue.h"

namespace verbatim::cpu {
namespace {

// The weights of one panel with k columns.
struct Panel {
  const std::int8_t* data;
  std::int64_t k;

  int i8(std::int64_t row, std::int64_t column) const { return data[panel_offset(row, column)]; }
  int i16(std::int64_t row, std::int64_t column) const {
    return 128 * i8(row, column) + data[plane_bytes(k) + panel_offset(row, column)];
  }
  int i4(std::int64_t row, std::int64_t column) const {
    const std::int64_t group = column / kI4Group, quad = column % kI4Group / kQuad;
    const auto pair =
        static_cast<std::uint8_t>(data[panel_offset(row, group * 16 + quad % 4 * 4 + column % 4)]);
    const std::int8_t* steps = data + i4_codes_bytes(k) + group * 2 * kPanelRows;
    const int code = quad < 4 ? pair & 15 : pair >> 4;
    return steps[kPanelRows + row] + static_cast<std::uint8_t>(steps[row]) * code;
  }
};

using WeightOf = int (Panel::*)(std::int64_t row, std::int64_t column) const;

template <WeightOf weight>
void gemm_of(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  for (std::int64_t p = 0; p * kPanelRows < out.n; ++p) {
    const Panel panel{w.data + p * w.panel_bytes, x.k};
    for (std::int64_t m = 0; m < x.rows; ++m) {
      double sum[kPanelRows];
      for (std::int64_t row = 0; row < kPanelRows; ++row) {
        std::int64_t acc = 0;
        for (std::int64_t k = 0; k < x.k; ++k) acc += x.wide[m * x.stride + k] * (panel.*weight)(row, k);
        sum[row] = static_cast<double>(acc);
      }
      finish_row(sum, m, p, out);
    }
  }
}

void gemm(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  using Gemm = void (*)(const GemmRows&, const GemmPanels&, const GemmOut&);
  constexpr Gemm by_kind[] = {gemm_of<&Panel::i16>, gemm_of<&Panel::i8>, gemm_of<&Panel::i4>};
  by_kind[static_cast<int>(w.kind)](x, w, out);
}

}  // namespace

constexpr GemmKernel kGemmScalar{RowForm::wide16, gemm};

}  // namespace verbatim::cpu
