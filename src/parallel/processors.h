// Processors: how many threads have something to run on here.
#pragma once

#include "base/cgroup.h"

namespace verbatim {

// Processors that this process may use: those of its affinity mask, and no more than the quotas of its control groups
// pay for, rounded down (a thread beyond the quota stops all of them for the rest of each period); at least 1.
int usable_processors(const CgroupPlaces& cgroups = {});

}  // namespace verbatim
