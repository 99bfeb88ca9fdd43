// verbatim cache: the packed weights that earlier starts left behind.
#include <cstdio>
#include <ctime>

#include "command.h"
#include "load/cache_folder.h"
#include "load/weight_cache.h"

namespace verbatim::app {
namespace {

struct CacheFlags {
  std::string action = "list";
  std::uint64_t keep_bytes = 0;
};

std::string day_of(std::int64_t time) {
  char text[16] = "";
  const std::time_t seconds = time;
  std::tm parts{};
  std::strftime(text, sizeof text, "%Y-%m-%d", ::localtime_r(&seconds, &parts));
  return text;
}

void print(const std::vector<CachedWeights>& files) {
  for (const CachedWeights& file : files)
    fmt::print("{:>7} MiB  {}  {}\n             {}\n", file.bytes >> 20, day_of(file.last_used),
               file.model.empty() ? "made by another version" : file.model, file.path);
}

int manage_cache(const CacheFlags& options) {
  auto directory = default_cache_directory();
  if (!directory) return complain(directory.error());
  if (options.action == "prune") {
    const auto keep = static_cast<std::int64_t>(
        std::min<std::uint64_t>(options.keep_bytes, std::numeric_limits<std::int64_t>::max()));
    const std::vector<CachedWeights> removed = prune_cached_weights(*directory, keep);
    print(removed);
    fmt::print("removed {} files of {} MiB from {}\n", removed.size(), bytes_of(removed) >> 20, *directory);
    return 0;
  }
  const std::vector<CachedWeights> files = cached_weights(*directory);
  print(files);
  fmt::print("{} files of {} MiB in {}\n", files.size(), bytes_of(files) >> 20, *directory);
  return 0;
}

}  // namespace

void add_cache(CommandLine line) {
  auto options = std::make_shared<CacheFlags>();
  line.argument("ACTION", options->action,
                "list: what is there, the model, and when it was used last; prune: remove what was used "
                "longest ago")
      .one_of({"list", "prune"})
      .shows_default();
  line.flag("--keep-bytes", options->keep_bytes, "What prune leaves, such as 20GiB; 0 removes all").bytes();
  line.footer(
      "Models are packed anew when they are next opened, which takes some seconds a gigabyte.\n"
      "Examples:\n"
      "  verbatim cache\n"
      "  verbatim cache prune --keep-bytes 20GiB");
  line.run([options] { return manage_cache(*options); });
}

}  // namespace verbatim::app
