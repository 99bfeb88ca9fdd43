#include "server/api_keys.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace verbatim::server {
namespace {

// What probes read. It tells nothing about any request.
constexpr std::array<std::string_view, 3> kOpenPaths = {"/health", "/ready", "/version"};

Sha256Digest digest_of(std::string_view key) {
  Sha256 sha;
  sha.update(key);
  return sha.digest();
}

}  // namespace

Result<ApiKeys> ApiKeys::create(const std::vector<std::string>& keys, bool open_metrics) {
  ApiKeys made;
  made.open_metrics_ = open_metrics;
  for (const std::string& key : keys) {
    bool printable = std::ranges::all_of(key, [](char c) { return c > ' ' && c < 0x7f; });
    if (key.empty() || !printable) {
      return fail("an API key must consist of printable ASCII characters without spaces, one at least");
    }
    made.digests_.push_back(digest_of(key));
  }
  return made;
}

bool ApiKeys::is_open(std::string_view path) const {
  return std::ranges::find(kOpenPaths, path) != kOpenPaths.end() || (open_metrics_ && path == "/metrics");
}

Result<std::optional<std::size_t>> ApiKeys::admit(const HttpRequest& request) const {
  if (digests_.empty() || is_open(request.path)) return std::optional<std::size_t>();
  constexpr std::string_view kScheme = "Bearer ";
  const std::string* header = request.header("Authorization");
  if (header == nullptr || !same_name(std::string_view(*header).substr(0, kScheme.size()), kScheme)) {
    return fail("this server asks for an API key: send the header 'Authorization: Bearer KEY'");
  }
  Sha256Digest shown = digest_of(std::string_view(*header).substr(kScheme.size()));
  std::optional<std::size_t> known;
  for (std::size_t i = 0; i < digests_.size(); ++i)
    if (CRYPTO_memcmp(digests_[i].data(), shown.data(), shown.size()) == 0) known = i;
  if (!known) return fail("the API key is none of this server's: check the key after 'Bearer'");
  return known;
}

}  // namespace verbatim::server
