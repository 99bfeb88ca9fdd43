// Rows of float32 -> the number formats of model files, for the formats that we write: the inverse of
// dequantise.h, by the rules of ggml's reference quantisation (ggml-quants.c, quantize_row_*_ref).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "load/checkpoint.h"

namespace verbatim {

std::span<const DType> writable_dtypes();  // F32, F16, BF16, Q8_0, Q4_0

// x: (columns); out: row_bytes(type, columns)
// REQUIRES: type is writable; columns is a multiple of its block
void encode_row(DType type, const float* x, std::int64_t columns, std::byte* out);

}  // namespace verbatim
