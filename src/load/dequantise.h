// The number formats of model files: how each packs its elements, and what float32 each element is.
//
// A row is a whole number of blocks. The block layouts and the arithmetic are those of ggml's reference
// dequantisation (ggml-quants.c, dequantize_row_*), read as IEEE 754 float32 with one rounding for each
// written operation and no fused multiply-add: these values are what a file means, on every machine. To
// support a format: add it to DType (checkpoint.h) and a row to the table in dequantise.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "load/checkpoint.h"

namespace verbatim {

struct DTypeInfo {
  DType type;
  std::string_view name;  // as ggml spells it
  std::uint32_t gguf_id;  // ggml's number for the type in a GGUF file
  std::int64_t block_elements;
  std::int64_t block_bytes;
  double bits;  // stored bits an element, its share of the block's scales included
  // blocks: (count) blocks of block_bytes, any alignment; out: (count * block_elements)
  void (*dequantise)(const std::byte* blocks, std::int64_t count, float* out);
};

std::span<const DTypeInfo> dtype_table();  // in DType's order
const DTypeInfo& info_of(DType type);
const DTypeInfo* find_gguf_type(std::uint32_t id);  // nullptr: not supported
std::string supported_dtypes();                     // "F32, F16, ..." for error sentences

// Bytes of a row.  REQUIRES: columns is a multiple of the type's block_elements
std::int64_t row_bytes(DType type, std::int64_t columns);

}  // namespace verbatim
