// The integer kernel in plain C++: a row of weights at a time, unpacked as ops/panels.h lays it out, summed in 64 bits.
// It is the kernel of machines without a faster one, and short enough to be checked by eye.
#include "backend/cpu/gemm.h"

#include <vector>

#include "backend/cpu/gemm_epilogue.h"
#include "backend/cpu/unpack_row.h"
#include "spec/linear.h"

namespace verbatim::cpu {
namespace {

void gemm(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  const bool three = three_products(x.limbs, w.kind);
  std::vector<std::int16_t> q(static_cast<std::size_t>(x.k));
  std::vector<double> sums(static_cast<std::size_t>(x.rows * kPanelRows));  // exact integers
  for (std::int64_t p = 0; p * kPanelRows < out.n; ++p) {
    const auto* panel = reinterpret_cast<const std::byte*>(w.data + p * w.panel_bytes);
    for (std::int64_t row = 0; row < kPanelRows; ++row) {
      unpack_row(w.kind, panel, row, x.k, x.k, q.data());
      for (std::int64_t m = 0; m < x.rows; ++m) {
        const std::int16_t* at = x.wide + m * x.stride;
        std::int64_t acc = 0;
        for (std::int64_t k = 0; k < x.k; ++k)
          acc += spec::integer_product(at[k], q[static_cast<std::size_t>(k)], three);
        sums[static_cast<std::size_t>(m * kPanelRows + row)] = static_cast<double>(acc);
      }
    }
    for (std::int64_t m = 0; m < x.rows; ++m) finish_row(sums.data() + m * kPanelRows, m, p, out);
  }
}

}  // namespace

constexpr GemmKernel kGemmGeneric{RowForm::wide16, gemm};

}  // namespace verbatim::cpu
