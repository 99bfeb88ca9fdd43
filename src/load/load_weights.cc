#include "load/load_weights.h"

#include <filesystem>

#include "load/cache_folder.h"
#include "load/new_file.h"
#include "load/weight_cache.h"

namespace verbatim {
namespace {

// Where this model's cache file belongs.
Result<std::string> cache_path(const LoadOptions& options, const std::string& key) {
  if (!options.cache_directory.empty()) return weight_cache_path(options.cache_directory, key);
  Result<std::string> directory = default_cache_directory();
  if (!directory) return directory.error();
  return weight_cache_path(*directory, key);
}

}  // namespace

Result<LoadedWeights> load_weights(const Checkpoint& checkpoint, const LoadOptions& options,
                                   ThreadPool& pool) {
  if (checkpoint.config.architecture.empty()) {
    return fail("{}: holds a vocabulary only, no model", checkpoint.path);
  }
  LoadedWeights out;
  std::string key = weight_cache_key(checkpoint, options.weights), path;
  if (options.use_cache && !checkpoint.identity.empty()) {
    Result<std::string> place = cache_path(options, key);
    if (place) {
      path = *place;
    } else {
      out.notes.push_back(fmt::format("weights are not cached: {}", place.error().message));
    }
  }
  if (!path.empty()) remove_abandoned(std::filesystem::path(path).parent_path(), kWeightCacheEnding);
  if (!path.empty() && std::filesystem::exists(path)) {
    Result<PackedWeights> cached =
        read_weight_cache(path, key, checkpoint.config, options.cache_memory, pool);
    if (cached) {
      out.weights = *std::move(cached);
      out.from_cache = true;
      note_use(path);
      return out;
    }
    out.notes.push_back(fmt::format("the weight cache is made anew: {}", cached.error().message));
  }
  Result<PackedWeights> fresh = requantise(checkpoint, options.weights, pool, options.progress);
  if (!fresh) return fresh.error();
  if (Status unchanged = checkpoint.check_unchanged(); !unchanged) return unchanged.error();
  out.weights = *std::move(fresh);
  if (!path.empty()) {
    if (Status written = write_weight_cache(path, key, out.weights, checkpoint); !written) {
      out.notes.push_back(fmt::format("weights are not cached: {}", written.error().message));
    }
  }
  if (!path.empty())
    for (const CachedWeights& gone :
         prune_cached_weights(std::filesystem::path(path).parent_path(), options.cache_bytes, path))
      out.notes.push_back(fmt::format("the weight cache gave up {}, which was used longest ago", gone.path));
  return out;
}

}  // namespace verbatim
