#include "server/cors.h"

#include <algorithm>
#include <utility>

#include "server/api_error.h"

namespace verbatim::server {

Result<Cors> Cors::create(std::vector<std::string> origins) {
  for (const std::string& origin : origins) {
    std::size_t host = origin.find("://");
    if (origin != "*" && (host == origin.npos || origin.find('/', host + 3) != origin.npos)) {
      return fail("'{}' is no origin: write scheme://host or scheme://host:port, without a path, or '*'",
                  origin);
    }
  }
  Cors made;
  made.any_ = std::ranges::find(origins, "*") != origins.end();
  made.origins_ = std::move(origins);
  return made;
}

bool Cors::allows(const std::string& origin) const {
  return any_ || std::ranges::find(origins_, origin) != origins_.end();
}

bool Cors::admits(const HttpRequest& request) const {
  const std::string* origin = request.header("Origin");
  if (origin == nullptr || allows(*origin)) return true;
  // The scheme is left aside: a proxy may speak TLS for this server.
  const std::size_t host = origin->find("://");
  const std::string* own = request.header("Host");
  return host != origin->npos && own != nullptr && same_name(origin->substr(host + 3), *own);
}

std::vector<Header> Cors::headers(const HttpRequest& request) const {
  if (origins_.empty()) return {};
  const std::string* origin = request.header("Origin");
  if (any_) return {{"Access-Control-Allow-Origin", "*"}, {"Access-Control-Expose-Headers", "*"}};
  if (origin == nullptr || !allows(*origin)) return {{"Vary", "Origin"}};
  return {
      {"Access-Control-Allow-Origin", *origin}, {"Access-Control-Expose-Headers", "*"}, {"Vary", "Origin"}};
}

HttpResponse Cors::options(const HttpRequest& request) const {
  HttpResponse response;
  response.status = 204;
  const std::string* origin = request.header("Origin");
  if (origin == nullptr || request.header("Access-Control-Request-Method") == nullptr) {
    response.headers = {{"Allow", "GET, HEAD, POST, OPTIONS"}};
    return response;
  }
  if (!allows(*origin)) {
    return error_response(
        403, "pages of '" + *origin + "' may not call this server: add their origin to those it allows");
  }
  response.headers = {{"Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"},
                      {"Access-Control-Max-Age", "86400"}};
  if (const std::string* wanted = request.header("Access-Control-Request-Headers")) {
    response.headers.emplace_back("Access-Control-Allow-Headers", *wanted);
  }
  return response;
}

}  // namespace verbatim::server
