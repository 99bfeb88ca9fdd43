// The safetensors format (huggingface/safetensors, README "Format"): a directory of tensors in JSON, then
// their bytes.
//
//   file   = header_bytes:u64 header data
//   header = {"NAME": {"dtype", "shape", "data_offsets": [begin, end]}, ...}
//
// Promises: no byte outside the mapping is read; a header is at most 100 MB, as in the format's own
// reader; every tensor lies inside the data and has exactly the bytes that its shape and type need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "base/result.h"
#include "load/checkpoint.h"

namespace verbatim {

struct SafetensorsFile {
  // By the file's names; F32, F16 and BF16 of 1 or 2 dimensions.
  std::map<std::string, CheckpointTensor, std::less<>> tensors;
  std::uint64_t data_offset = 0;
};

// path: for error sentences only
Result<SafetensorsFile> read_safetensors(std::span<const std::byte> bytes, const std::string& path);

}  // namespace verbatim
