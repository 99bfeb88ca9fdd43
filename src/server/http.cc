#include "server/http.h"

#include <algorithm>

namespace verbatim::server {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

const std::string* find_header(const std::vector<Header>& headers, std::string_view name) {
  auto found =
      std::ranges::find_if(headers, [&](const Header& header) { return same_name(header.first, name); });
  return found == headers.end() ? nullptr : &found->second;
}

void Responder::respond_in_pieces(HttpResponse head, BodyPieces body) {
  for (std::string piece; body.next(piece);) head.body += piece;
  respond(std::move(head));
}

}  // namespace verbatim::server
