#include "base/cgroup.h"

#include <fstream>

namespace verbatim {
namespace {

namespace fs = std::filesystem;

// "cpu" is in "cpu,cpuacct"
bool lists(std::string_view controllers, std::string_view controller) {
  while (!controllers.empty()) {
    const std::size_t end = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, end) == controller) return true;
    controllers.remove_prefix(std::min(end + 1, controllers.size()));
  }
  return false;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// root/a/b, root/a, root
void add_with_parents(const fs::path& root, const fs::path& group, std::vector<fs::path>& folders) {
  for (fs::path below = group.relative_path(); !below.empty(); below = below.parent_path())
    if (is_folder(root / below)) folders.push_back(root / below);
  if (is_folder(root)) folders.push_back(root);
}

}  // namespace

// A line of the membership is ID:CONTROLLERS:PATH; version 2 has one, with ID 0 and no controllers.
std::vector<fs::path> cgroup_folders(std::string_view controller, const CgroupPlaces& places) {
  std::vector<fs::path> folders;
  std::ifstream in(places.membership);
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1),
                      group = line.substr(second + 1);
    if (controllers.empty()) {
      add_with_parents(places.mount, group, folders);
    } else if (lists(controllers, controller)) {
      for (const std::string& name : {controllers, std::string(controller)})
        if (is_folder(places.mount / name)) {
          add_with_parents(places.mount / name, group, folders);
          break;
        }
    }
  }
  return folders;
}

}  // namespace verbatim
