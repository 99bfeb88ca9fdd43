// write_gguf: a GGUF v3 file from metadata and rows that are made on demand, so that a model larger than
// memory can be written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "load/checkpoint.h"
#include "parallel/thread_pool.h"

namespace verbatim {

using GgufDatum =
    std::variant<bool, std::uint32_t, std::int32_t, float, std::uint64_t, std::int64_t, double, std::string,
                 std::vector<std::int32_t>, std::vector<float>, std::vector<std::string>>;

using GgufMetadata = std::vector<std::pair<std::string, GgufDatum>>;  // in the order of the file

struct GgufTensor {
  std::string name;
  DType type = DType::f32;
  std::int64_t rows = 1, columns = 0;
  bool vector = false;  // written with one dimension
};

struct GgufContent {
  GgufMetadata metadata;
  std::vector<GgufTensor> tensors;
};

// Fills row `row` of tensor `index`: row_bytes(type, columns) bytes.
// Called from many threads, for disjoint rows.
using GgufRowSource = std::function<void(std::size_t index, std::int64_t row, std::byte* out)>;

// The file appears whole or not at all. Errors name the path.
Status write_gguf(const std::string& path, const GgufContent& content, const GgufRowSource& rows,
                  ThreadPool& pool);

}  // namespace verbatim
