// The folder of the weight cache: what is in it, and how it is kept from growing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace verbatim {

struct CachedWeights {
  std::string path, model;  // model: the path that it was made from; empty: made by another version
  std::int64_t bytes = 0;
  std::int64_t last_used = 0;  // Unix time
};

// The most recently used first. A folder that is not there is empty.
std::vector<CachedWeights> cached_weights(const std::string& directory);

std::int64_t bytes_of(const std::vector<CachedWeights>& files);

// Removes those that were used longest ago, until the others have at most `keep_bytes`; never `spared`. Gives what it
// removed. A process that has one open keeps what it read or mapped.
std::vector<CachedWeights> prune_cached_weights(const std::string& directory, std::int64_t keep_bytes,
                                                const std::string& spared = {});

// The file at `path` is used now.
void note_use(const std::string& path);

}  // namespace verbatim
