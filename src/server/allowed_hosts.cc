#include "server/allowed_hosts.h"

#include <algorithm>
#include <utility>

namespace verbatim::server {
namespace {

// "[::1]:8000" -> "[::1]"
std::string_view without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  if (colon == host.npos || host.find_first_not_of("0123456789", colon + 1) != host.npos) return host;
  return host.substr(0, colon);
}

}  // namespace

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.") || host.starts_with("unix:");
}

AllowedHosts::AllowedHosts(std::string_view host, std::vector<std::string> others) {
  if (!is_loopback(host) || host.starts_with("unix:")) return;
  names_ = std::move(others);
  names_.insert(names_.end(), {"localhost", "127.0.0.1", "[::1]", std::string(host)});
}

bool AllowedHosts::admits(const HttpRequest& request) const {
  const std::string* host = request.header("Host");
  if (names_.empty() || host == nullptr) return true;  // HTTP/1.0 may leave it out; browsers do not
  return std::ranges::any_of(names_,
                             [&](const std::string& name) { return same_name(name, without_port(*host)); });
}

}  // namespace verbatim::server
