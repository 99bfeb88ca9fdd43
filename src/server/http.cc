#include "server/http.h"

#include <algorithm>

namespace verbatim::server {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

const std::string* find_header(const std::vector<Header>& headers, std::string_view name) {
  auto same = [](char a, char b) { return lower(a) == lower(b); };
  auto found = std::ranges::find_if(
      headers, [&](const Header& header) { return std::ranges::equal(header.first, name, same); });
  return found == headers.end() ? nullptr : &found->second;
}

}  // namespace verbatim::server
