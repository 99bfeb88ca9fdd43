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
#include "ops/panels.h"

namespace verbatim {

// What the codes of a type mean: element = step * (code - centre) of its group where the form has no offsets, else
// offset + step * code; where it has a table, step * the level that the code names.
struct CodeMeaning {
  WeightKind kind;  // in which they are kept
  int centre;       // the code that becomes level 0
  int shift;        // levels are (code - centre) << shift, which fills their bits

  constexpr const CodeForm& form() const { return code_form(kind); }
  constexpr int bias() const { return form().offsets ? 0 : centre; }
};

struct FileCodes {
  CodeMeaning meaning;
  // blocks: (count); codes: (count * block_elements); steps, offsets (where the form has them): one a group
  void (*read)(const std::byte* blocks, std::int64_t count, std::int8_t* codes, float* steps, float* offsets);
};

struct DTypeInfo {
  DType type;
  std::string_view name;  // as ggml spells it
  std::uint32_t gguf_id;  // ggml's number for the type in a GGUF file
  std::int64_t block_elements;
  std::int64_t block_bytes;
  double bits;  // stored bits an element, its share of the block's scales included
  // blocks: (count) blocks of block_bytes, any alignment; out: (count * block_elements)
  void (*dequantise)(const std::byte* blocks, std::int64_t count, float* out);
  const FileCodes* codes;  // nullptr: the type holds floats
};

std::span<const DTypeInfo> dtype_table();  // in DType's order
const DTypeInfo& info_of(DType type);
const DTypeInfo* find_gguf_type(std::uint32_t id);  // nullptr: not supported
std::string supported_dtypes();                     // "F32, F16, ..." for error sentences

// Bytes of a row.  REQUIRES: columns is a multiple of the type's block_elements
std::int64_t row_bytes(DType type, std::int64_t columns);

}  // namespace verbatim
