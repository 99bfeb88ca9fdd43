// Control groups (Linux, cgroups(7)): the limits that containers and services run under, versions 1 and 2.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace verbatim {

struct CgroupPlaces {
  std::filesystem::path membership = "/proc/self/cgroup";
  std::filesystem::path mount = "/sys/fs/cgroup";
};

// The folders of the groups that limit this process by `controller` ("cpu", "memory"), innermost first, then those
// around it up to the root that can be seen from here. Inside a container the path of /proc/self/cgroup may be the
// host's and lead nowhere; then the root stands for the container. None: there are no control groups.
std::vector<std::filesystem::path> cgroup_folders(std::string_view controller,
                                                  const CgroupPlaces& places = {});

}  // namespace verbatim
