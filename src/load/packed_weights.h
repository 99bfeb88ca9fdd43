// PackedWeights: a model's weights as the contract's integers, in the form that backends read.
//
// Matrices are PackedMatrix (ops/panels.h); norms and biases are float32, exactly the file's values.
// Everything lies in 64-byte aligned parts of memory that this object keeps alive: buffers of its own, or a
// mapped cache file. Immutable; copies share the memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "load/checkpoint.h"
#include "ops/panels.h"

namespace verbatim {

// What became of one tensor, for `inspect`.
struct TensorReport {
  std::string name;
  DType file_type = DType::f32;
  std::string kind;         // name_of(WeightKind), or "f32" for vectors
  std::int64_t bytes = 0;   // packed, scales included
  double relative_rms = 0;  // error of the integers against the file's values (spec/weights.h); 0 for vectors
  std::string why;          // "the codes of Q4_1", "i8 would err by 3.1 %", ...
};

struct PackedWeights {
  std::map<std::string, PackedMatrix, std::less<>> matrices;
  std::map<std::string, std::span<const float>, std::less<>> vectors;
  std::vector<TensorReport> report;     // in the order of expected_tensors()
  std::string fingerprint;              // SHA-256, 64 hex digits (see weight_fingerprint.h)
  std::shared_ptr<const void> storage;  // keeps what the above points into

  const PackedMatrix* matrix(std::string_view name) const {  // nullptr when absent
    auto it = matrices.find(name);
    return it == matrices.end() ? nullptr : &it->second;
  }
  std::span<const float> vector(std::string_view name) const {  // empty when absent
    auto it = vectors.find(name);
    return it == vectors.end() ? std::span<const float>() : it->second;
  }
};

}  // namespace verbatim
