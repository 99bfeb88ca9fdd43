// Memory: how much of it a program may still take.
#pragma once

#include <cstdint>

#include "base/cgroup.h"

namespace verbatim {

// Bytes that are free for this process: what the machine has available (MemAvailable of /proc/meminfo), and no more than the
// limits of its control groups leave, whose page cache counts as free. 0: not known.
std::int64_t available_memory(const CgroupPlaces& cgroups = {},
                              const std::filesystem::path& meminfo = "/proc/meminfo");

}  // namespace verbatim
