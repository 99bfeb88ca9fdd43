#include "load/cache_folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <tuple>

#include "load/weight_cache.h"

namespace verbatim {

std::vector<CachedWeights> cached_weights(const std::string& directory) {
  std::vector<CachedWeights> files;
  std::error_code absent;
  for (const auto& entry : std::filesystem::directory_iterator(directory, absent)) {
    CachedWeights file;
    file.path = entry.path().string();
    struct stat info {};
    if (!file.path.ends_with(kWeightCacheEnding) || ::lstat(file.path.c_str(), &info) != 0 ||
        !S_ISREG(info.st_mode))
      continue;
    file.bytes = info.st_size;
    file.last_used = info.st_mtim.tv_sec;
    if (auto model = model_of_weight_cache(file.path)) file.model = *std::move(model);
    files.push_back(std::move(file));
  }
  std::ranges::sort(files, [](const CachedWeights& a, const CachedWeights& b) {
    return std::tie(b.last_used, a.path) < std::tie(a.last_used, b.path);
  });
  return files;
}

std::int64_t bytes_of(const std::vector<CachedWeights>& files) {
  std::int64_t bytes = 0;
  for (const CachedWeights& file : files) bytes += file.bytes;
  return bytes;
}

std::vector<CachedWeights> prune_cached_weights(const std::string& directory, std::int64_t keep_bytes,
                                                const std::string& spared) {
  std::vector<CachedWeights> files = cached_weights(directory), removed;
  std::int64_t bytes = 0;
  for (const CachedWeights& file : files) bytes += file.bytes;
  for (auto file = files.rbegin(); file != files.rend() && bytes > keep_bytes; ++file) {
    std::error_code error;
    if (file->path == spared || !std::filesystem::remove(file->path, error)) continue;
    bytes -= file->bytes;
    removed.push_back(*file);
  }
  return removed;
}

void note_use(const std::string& path) {
  const timespec now[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  ::utimensat(AT_FDCWD, path.c_str(), now, 0);  // who may not write it leaves it as it is
}

}  // namespace verbatim
