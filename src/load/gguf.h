// GgufFile: the structure of a GGUF file (metadata and a directory of tensors),
// checked against the file's size.
//
// The format is that of ggml/docs/gguf.md, versions 2 and 3, little endian:
//
//   file        = "GGUF" version:u32 tensor_count:u64 key_count:u64 key_value* tensor_info* padding data
//   key_value   = key:string type:u32 value
//   value       = a scalar | string | element_type:u32 count:u64 element*
//   string      = length:u64 bytes
//   tensor_info = name:string n_dims:u32 dim:u64* type:u32 offset:u64
//                 (offset: from the start of data, aligned)
//
// Promises: no byte outside the mapping is read, whatever the file says; nothing is allocated in proportion
// to a number that the file merely claims; keys and tensor names are unique; every tensor lies inside the
// file. It is not a model: gguf_model.h gives keys their meaning. Views point into the mapping, which the
// file must outlive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "load/checkpoint.h"

namespace verbatim {

enum class GgufType : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};

std::string_view name_of(GgufType type);

// One metadata value: a typed view of its bytes, already checked to be well formed.
struct GgufValue {
  GgufType type = GgufType::u8;
  GgufType element_type = GgufType::u8;  // arrays
  std::uint64_t count = 1;               // arrays: elements
  // The scalar, the string's text, or the array's elements as the file holds them.
  std::span<const std::byte> bytes;

  // nullopt when the value is of another kind. Integers of every width and sign are one kind,
  // floats of both widths too.
  std::optional<std::int64_t> as_integer() const;  // also nullopt beyond the range of int64
  std::optional<double> as_float() const;          // integers count as floats
  std::optional<bool> as_bool() const;
  std::optional<std::string_view> as_string() const;
  std::optional<std::vector<std::string_view>> as_strings() const;
  std::optional<std::vector<std::int64_t>> as_integers() const;
  std::optional<std::vector<float>> as_floats() const;  // arrays of f32

  std::string printable() const;  // for people: long strings and arrays are abridged
};

struct GgufFile {
  std::string path;
  std::uint32_t version = 0;
  std::uint64_t data_offset = 0;  // where tensor data begins; the file's size when there is none
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<std::string> key_order;  // as in the file
  std::map<std::string, CheckpointTensor, std::less<>> tensors;

  // nullptr when absent
  const GgufValue* find(std::string_view key) const {
    auto it = metadata.find(key);
    return it == metadata.end() ? nullptr : &it->second;
  }
};

// path: for error sentences only
Result<GgufFile> read_gguf(std::span<const std::byte> bytes, const std::string& path);

}  // namespace verbatim
