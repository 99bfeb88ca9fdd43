// load_weights: Checkpoint -> PackedWeights, through the weight cache when it can be used.
//
// The first start of a model requantises its file and leaves the packed form in a cache file; later starts
// map that file and are ready at once. The cache cannot be seen in any bit: a hit holds what requantising
// gives.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "load/checkpoint.h"
#include "load/packed_weights.h"
#include "parallel/thread_pool.h"

namespace verbatim {

// Which integers a matrix becomes. `automatic` keeps the size class of the file: F32, F16, BF16 -> i16; 5 to
// 8 bits
// -> i8; 4 bits and less -> i4; a tensor that would err too much in i8 (i4) is kept in i16 (i8).
enum class WeightPolicy : std::uint8_t { automatic, i16, i8, i4 };

std::string_view name_of(WeightPolicy policy);  // "auto", "i16", "i8", "i4"
std::optional<WeightPolicy> weight_policy_named(std::string_view name);

struct LoadProgress {
  std::int64_t tensors_done = 0, tensors = 0;
  std::int64_t bytes_done = 0, bytes = 0;  // of the file's tensors
};

struct LoadOptions {
  WeightPolicy policy = WeightPolicy::automatic;
  bool use_cache = true;
  std::string cache_directory;  // empty: $XDG_CACHE_HOME/verbatim, else ~/.cache/verbatim
  std::function<void(const LoadProgress&)>
      progress;  // called by the loading thread after each tensor; may be empty
};

struct LoadedWeights {
  PackedWeights weights;
  bool from_cache = false;
  std::vector<std::string> notes;  // sentences for the log: why the cache was not read or not written
};

// Errors: a weight that is not finite (names file, tensor and row). Trouble with the cache is a note, never
// an error.
Result<LoadedWeights> load_weights(const Checkpoint& checkpoint, const LoadOptions& options,
                                   ThreadPool& pool);

}  // namespace verbatim
