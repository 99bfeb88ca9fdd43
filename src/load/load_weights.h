// load_weights: Checkpoint -> PackedWeights, through the weight cache when it can be used.
//
// The first start of a model requantises its file and leaves the packed form in a cache file; later starts
// read that file and are ready soon. The cache cannot be seen in any bit: a hit holds what requantising
// gives, and its fingerprint is computed of it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "load/checkpoint.h"
#include "load/packed_weights.h"
#include "load/requantise.h"
#include "load/weight_cache.h"
#include "parallel/thread_pool.h"

namespace verbatim {

struct LoadOptions {
  WeightChoice weights;
  bool use_cache = true;
  CacheMemory cache_memory = CacheMemory::own;
  std::int64_t cache_bytes = std::int64_t{64}
                             << 30;  // what the folder may hold; what was used longest ago goes
  std::string cache_directory;       // empty: $XDG_CACHE_HOME/verbatim, else ~/.cache/verbatim
  // Called by the loading thread after each tensor; may be empty.
  std::function<void(const LoadProgress&)> progress;
};

struct LoadedWeights {
  PackedWeights weights;
  bool from_cache = false;
  std::vector<std::string> notes;  // sentences for the log: why the cache was not read or not written
};

// Errors: a weight that is not finite (names file, tensor and row).
// Trouble with the cache is a note, never an error.
Result<LoadedWeights> load_weights(const Checkpoint& checkpoint, const LoadOptions& options,
                                   ThreadPool& pool);

}  // namespace verbatim
