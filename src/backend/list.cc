#include "backend/list.h"

#include <fmt/ranges.h>

#include "backend/reference/reference.h"

namespace verbatim {

const std::vector<BackendEntry>& backend_list() {
  static const std::vector<BackendEntry> list = {
      {"reference", "any processor: the contract as scalar code, slow", [] { return true; },
       make_reference_backend},
  };
  return list;
}

std::vector<std::string> backends_here() {
  std::vector<std::string> names;
  for (const BackendEntry& entry : backend_list()) {
    if (entry.runs_here()) names.emplace_back(entry.name);
  }
  return names;
}

Result<std::unique_ptr<Backend>> make_backend(std::string_view name, int threads) {
  bool any = name.empty() || name == "auto";
  for (const BackendEntry& entry : backend_list()) {
    if (!any && entry.name != name) continue;
    if (entry.runs_here()) return entry.make(threads);
    if (!any) {
      return fail("backend '{}' needs {}, which this machine lacks; it runs: {}", name, entry.description,
                  fmt::join(backends_here(), ", "));
    }
  }
  return fail("backend '{}' is not known; this machine runs: {}", name, fmt::join(backends_here(), ", "));
}

}  // namespace verbatim
