#include "client/url.h"

#include <algorithm>
#include <string_view>

namespace verbatim::client {
namespace {

struct Scheme {
  std::string_view prefix, port;
  bool secure;
};
constexpr Scheme kSchemes[] = {{"http://", "80", false}, {"https://", "443", true}};

}  // namespace

std::string Url::authority() const {
  std::string name = host.find(':') == host.npos ? host : '[' + host + ']';
  return port == kSchemes[secure ? 1 : 0].port ? name : name + ':' + port;
}

std::string Url::text() const {
  return fmt::format("{}{}{}", kSchemes[secure ? 1 : 0].prefix, authority(), path);
}

Result<Url> parse_url(const std::string& text) {
  const auto* scheme =
      std::ranges::find_if(kSchemes, [&](const Scheme& each) { return text.starts_with(each.prefix); });
  if (scheme == std::end(kSchemes)) return fail("URL '{}': must begin with http:// or https://", text);
  std::string rest = text.substr(scheme->prefix.size());
  std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string authority = rest.substr(0, slash);
  Url url{scheme->secure, authority, std::string(scheme->port), rest.substr(slash)};
  std::size_t colon = authority.rfind(':');
  if (colon != authority.npos && authority.find(']', colon) == authority.npos) {
    url.host = authority.substr(0, colon);
    url.port = authority.substr(colon + 1);
  }
  if (url.host.starts_with('[') && url.host.ends_with(']'))
    url.host = url.host.substr(1, url.host.size() - 2);
  if (url.host.empty() || url.port.empty() || url.port.find_first_not_of("0123456789") != url.port.npos) {
    return fail("URL '{}': write {}HOST:PORT", text, scheme->prefix);
  }
  while (url.path.ends_with('/')) url.path.pop_back();
  if (url.path.ends_with("/v1")) url.path.resize(url.path.size() - 3);
  return url;
}

}  // namespace verbatim::client
