// PackedWeights: a model's weights as the contract's integers (model/weights.h), what became of each tensor of the file, and
// the fingerprint of all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "load/checkpoint.h"
#include "model/weights.h"

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

struct PackedWeights : ModelWeights {
  std::vector<TensorReport> report;  // in the order of expected_tensors()
  std::string fingerprint;           // SHA-256, 64 hex digits (see weight_fingerprint.h)
};

}  // namespace verbatim
