#include "base/memory.h"

#include <algorithm>
#include <fstream>
#include <optional>

namespace verbatim {
namespace {

std::optional<std::int64_t> number_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::int64_t number = 0;
  if (!(in >> number)) return {};  // "max" among others
  return number;
}

// The value behind `name`, in a file of names and values.
std::optional<std::int64_t> value_in(const std::filesystem::path& file, std::string_view name) {
  std::ifstream in(file);
  std::string key, rest;
  for (std::int64_t value = 0; in >> key >> value; std::getline(in, rest))
    if (key == name) return value;
  return {};
}

// What the group's limit leaves. nullopt: it has none.
std::optional<std::int64_t> left_in(const std::filesystem::path& group) {
  struct Version {
    const char *limit, *usage, *reclaimable;
  };
  for (const Version& version :
       {Version{"memory.max", "memory.current", "inactive_file"},
        Version{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}}) {
    auto limit = number_in(group / version.limit);
    if (!limit) continue;
    const std::int64_t used = number_in(group / version.usage).value_or(0) -
                              value_in(group / "memory.stat", version.reclaimable).value_or(0);
    return std::max<std::int64_t>(*limit - std::max<std::int64_t>(used, 0), 0);
  }
  return {};
}

}  // namespace

std::int64_t available_memory(const CgroupPlaces& cgroups, const std::filesystem::path& meminfo) {
  const auto kib = value_in(meminfo, "MemAvailable:");
  if (!kib) return 0;
  std::int64_t available = *kib * 1024;
  for (const std::filesystem::path& group : cgroup_folders("memory", cgroups))
    if (auto left = left_in(group)) available = std::min(available, *left);
  return available;
}

}  // namespace verbatim
