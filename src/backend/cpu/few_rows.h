// few_rows: codes times so few rows that each block of codes is read once and expanded on the way, in registers. Written once
// for every instruction set that multiplies weights of 16 bits by limbs of x of 16 bits, in pairs of columns.
//
// |w x| <= 16319 * 127, and an int32 lane is half a row and sums two of a quad's four columns: it holds 1024 columns, and so do
// both lanes of a row together.
//
// Internal linkage on purpose, see gemm_blocked.h.
#pragma once

#include <cstdint>

#include "backend/cpu/code_blocks.h"
#include "backend/cpu/gemm_epilogue.h"

namespace verbatim::cpu {
namespace {

inline constexpr std::int64_t kFewColumns = 16384;

// Limbs of rows as int16: (k / 64, rows, limbs, 64).
template <int kMostRows>
struct RowLimbs {
  alignas(64) std::int16_t x[kMostRows * 2 * kFewColumns];

  void fill(const GemmRows& rows) {
    std::int16_t* to = x;
    for (std::int64_t k = 0; k < rows.k; k += 64) {
      for (std::int64_t m = 0; m < rows.rows; ++m, to += rows.limbs * 64) {
        const std::int64_t at = m * rows.stride + k;
        if (rows.wide == nullptr) {
          for (int i = 0; i < 64; ++i) to[i] = rows.planes[at + i];
          for (int i = 0; i < 64 && rows.limbs == 2; ++i) to[64 + i] = rows.planes[at + rows.low_offset + i];
        } else if (rows.limbs == 1) {
          for (int i = 0; i < 64; ++i) to[i] = rows.wide[at + i];
        } else {
          for (int i = 0; i < 64; ++i) {
            const int q = rows.wide[at + i], high = (q + 64) >> 7;
            to[i] = static_cast<std::int16_t>(high);
            to[64 + i] = static_cast<std::int16_t>(q - 128 * high);
          }
        }
      }
    }
  }
};

// A set has kRows, the most rows; Sums, what one limb of a row has of a panel, in int32 lanes;
//   multiply<form, R, L>(codes, steps, offsets, x, sums)   a block, added to sums (R, L);  x: (R, L, 64)
//   add(sums, unit, total)                                 total += unit * sums, 16 rows as doubles
template <class Set, int R, int L>
struct FewRows {
  static constexpr std::int64_t kColumnsInInt32 = 1024;

  struct State {
    const std::int16_t* x;
    typename Set::Sums sums[R][L];
  };

  template <CodeForm form>
  static void unpack(const std::int8_t* codes, const std::int16_t* steps, const std::int16_t* offsets,
                     std::int64_t, State* state) {
    Set::template multiply<form, R, L>(codes, steps, offsets, state->x, state->sums);
    state->x += R * L * 64;
  }

  static void run(const std::int16_t* x, const GemmPanels& w, std::int64_t k, const GemmOut& out) {
    for (std::int64_t p = 0; p * kPanelRows < out.n; ++p) {
      alignas(64) double total[R][kPanelRows] = {};
      State state{x, {}};
      for (std::int64_t k0 = 0; k0 < k; k0 += kColumnsInInt32) {
        const std::int64_t columns = k - k0 < kColumnsInInt32 ? k - k0 : kColumnsInInt32;
        __builtin_memset(state.sums, 0, sizeof state.sums);
        for_code_blocks<FewRows>(w.kind, w.data + p * w.panel_bytes, k0, columns, &state);
        for (int r = 0; r < R; ++r) {
          for (int l = 0; l < L; ++l) Set::add(state.sums[r][l], l + 1 < L ? 128 : 1, total[r]);
        }
      }
      for (int r = 0; r < R; ++r) finish_row(total[r], r, p, out);
    }
  }
};

template <class Set>
bool takes_few_rows(const GemmRows& x, WeightKind kind) {
  return holds_codes(kind) && x.rows <= Set::kRows && x.k <= kFewColumns;
}

template <class Set, int R = Set::kRows>
void gemm_few_rows(const GemmRows& x, const std::int16_t* limbs, const GemmPanels& w, const GemmOut& out) {
  if constexpr (R > 1) {
    if (x.rows < R) return gemm_few_rows<Set, R - 1>(x, limbs, w, out);
  }
  x.limbs == 2 ? FewRows<Set, R, 2>::run(limbs, w, x.k, out) : FewRows<Set, R, 1>::run(limbs, w, x.k, out);
}

// REQUIRES: takes_few_rows<Set>
template <class Set>
void gemm_few_rows(const GemmRows& x, const GemmPanels& w, const GemmOut& out) {
  RowLimbs<Set::kRows> limbs;
  limbs.fill(x);
  gemm_few_rows<Set>(x, limbs.x, w, out);
}

}  // namespace
}  // namespace verbatim::cpu
