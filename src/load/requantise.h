// requantise: a model file's tensors -> the contract's integers (spec/weights.h), packed.
//
// Every machine and every number of threads gets the same bits; weight_fingerprint.h names them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "load/checkpoint.h"
#include "load/packed_weights.h"
#include "parallel/thread_pool.h"

namespace verbatim {

// Which integers a matrix becomes.
//   file       the file's own codes where it has codes; else i16
//   automatic  by the type that most of the file's weights have: up to 6.6 bits: as `file`; Q8_0: i8, and the codes of a
//              tensor that would err too much in i8; floats: i16
// i8 is i8r, and i16 is i16r where activations have 8 bits: integers of rotated rows (spec/hadamard.h).
enum class WeightPolicy : std::uint8_t { automatic, i16, i8, file };

std::string_view name_of(WeightPolicy policy);  // "auto", "i16", "i8", "file"
std::optional<WeightPolicy> weight_policy_named(std::string_view name);

// All that decides over the integers, beside the file.
struct WeightChoice {
  WeightPolicy policy = WeightPolicy::automatic;
  bool rotated = false;  // for rows of 8 bits
};

struct LoadProgress {
  std::int64_t tensors_done = 0, tensors = 0;
  std::int64_t bytes_done = 0, bytes = 0;  // of the file's tensors
};

using ProgressCallback = std::function<void(const LoadProgress&)>;

// Each tensor's pages of the file are given back once it is packed:
// the peak of memory is about the packed size.
// Errors: a value that is not finite (names file, tensor and row).
Result<PackedWeights> requantise(const Checkpoint& checkpoint, WeightChoice choice, ThreadPool& pool,
                                 const ProgressCallback& progress);

}  // namespace verbatim
