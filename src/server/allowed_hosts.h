// AllowedHosts: by which names a server may be asked. One that listens on loopback is for this machine alone; a page whose
// name was made to mean 127.0.0.1 (DNS rebinding) reaches it all the same, but tells its own name in Host.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/http.h"

namespace verbatim::server {

// host: as in HttpServerOptions. A Unix-domain socket counts.
bool is_loopback(std::string_view host);

class AllowedHosts {
 public:
  AllowedHosts() = default;  // every name
  // others: names beside this machine's own, without a port, such as that of a proxy in front.
  AllowedHosts(std::string_view host, std::vector<std::string> others);

  bool admits(const HttpRequest& request) const;

 private:
  std::vector<std::string> names_;  // empty: every name
};

}  // namespace verbatim::server
