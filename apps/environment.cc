#include "environment.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string>

namespace verbatim::app {

void leave_service_links_aside() {
  constexpr const char* kName = "VERBATIM_PORT";
  const char* set = std::getenv(kName);
  const std::string value = set == nullptr ? "" : set;
  const std::string scheme = value.substr(0, value.find("://"));
  if (scheme.size() == value.size() || (scheme != "tcp" && scheme != "udp" && scheme != "sctp")) return;
  fmt::print(stderr,
             "verbatim: {}={} comes from a Kubernetes service called verbatim and is not taken as --port; "
             "enableServiceLinks: false in the pod keeps it away\n",
             kName, value);
  ::unsetenv(kName);
}

}  // namespace verbatim::app
