// gemm: the one integer kernel of the CPU backends.
// Linear layers, attention scores and attention outputs all call it.
//
//   y[m][n] = f32(sum_k x.q[m][k] * w.q[n][k]) * (row_scale[m] * column_scale[n]) + bias[n] (spec/linear.h)
//
// Two limbs that were floats on both sides: three products of four (ops/panels.h, three_products). The sum is exact; f32() rounds it once. Every instruction set has one implementation in its own folder and
// all of them give the same bits. Single threaded: the caller divides the panels or the rows among threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/panels.h"

namespace verbatim::cpu {

// How an instruction set wants the integers of the activations. Rows are padded with zeros to a multiple of
// 64 elements.
enum class RowForm : std::uint8_t {
  wide16,   // int16, one or two limbs alike: AVX2 (vpmaddwd), scalar
  planes8,  // int8 limb planes, high first: AVX-512 VNNI, AMX, NEON sdot
};

struct GemmRows {
  std::int64_t rows = 0;
  std::int64_t k = 0;  // columns to sum: a multiple of 4, and of 64 for weights; at most 2^24
  int limbs = 2;
  const std::int16_t* wide = nullptr;   // wide16: (rows, stride)
  const std::int8_t* planes = nullptr;  // planes8: high (or only) plane (rows, stride)
  std::int64_t low_offset = 0;          // planes8, two limbs: bytes from the high plane to the low plane
  std::int64_t stride = 0;              // elements from row to row
};

// `panels` panels of 16 outputs, `panel_bytes` apart, each as ops/panels.h says for `kind` with k columns. Codes have weights
// within [-16319, 16319] and steps within the bounds of spec/weights.h.
struct GemmPanels {
  WeightKind kind = WeightKind::i8;
  const std::int8_t* data = nullptr;
  std::int64_t panel_bytes = 0;
  std::int64_t panels = 0;
};

struct GemmOut {
  float* y = nullptr;  // (rows, stride): the first n columns of each row are written
  std::int64_t stride = 0;
  std::int64_t n = 0;                   // <= 16 * panels
  const float* row_scale = nullptr;     // (rows)
  const float* column_scale = nullptr;  // (16 * panels) or nullptr: 1
  const float* bias = nullptr;          // (n) or nullptr
};

struct GemmKernel {
  RowForm form;
  void (*gemm)(const GemmRows& x, const GemmPanels& w, const GemmOut& out);
};

// One per instruction set, in backend/cpu/<set>/gemm.cc. Calling one that the processor lacks is undefined.
extern const GemmKernel kGemmGeneric, kGemmAvx2, kGemmAvx512, kGemmAmx, kGemmNeon;

}  // namespace verbatim::cpu
