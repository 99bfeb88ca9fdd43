#include "parallel/processors.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

namespace verbatim {
namespace {

// The mask has no fixed size: a kernel built for more processors than fit refuses the call (sched_setaffinity(2)).
int processors_of_affinity() {
  for (int most = 1024; most <= 1 << 20; most *= 2) {
    std::vector<cpu_set_t> mask(CPU_ALLOC_SIZE(most) / sizeof(cpu_set_t));
    const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) == 0) return CPU_COUNT_S(bytes, mask.data());
  }
  return static_cast<int>(std::thread::hardware_concurrency());
}

// QUOTA and PERIOD in microseconds, in one file (version 2) or in two (version 1); "max" and -1 are no quota.
std::optional<double> quota_of(const std::filesystem::path& group) {
  double quota = 0, period = 0;
  std::ifstream both(group / "cpu.max");
  if (!(both >> quota >> period)) {
    std::ifstream first(group / "cpu.cfs_quota_us"), second(group / "cpu.cfs_period_us");
    if (!(first >> quota) || !(second >> period)) return {};
  }
  if (quota <= 0 || period <= 0) return {};
  return quota / period;
}

}  // namespace

int usable_processors(const CgroupPlaces& cgroups) {
  int usable = processors_of_affinity();
  for (const std::filesystem::path& group : cgroup_folders("cpu", cgroups))
    if (auto quota = quota_of(group)) usable = static_cast<int>(std::min<double>(usable, *quota));
  return std::max(usable, 1);
}

}  // namespace verbatim
