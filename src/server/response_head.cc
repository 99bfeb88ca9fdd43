#include "server/response_head.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <array>
#include <boost/beast/http/status.hpp>
#include <chrono>

#include "base/check.h"

namespace verbatim::server {
namespace {

constexpr std::array<std::string_view, 4> kTransportHeaders = {"Content-Length", "Transfer-Encoding",
                                                               "Connection", "Date"};

// RFC 9110, section 5.6.2.
bool is_token(std::string_view name) {
  constexpr std::string_view kTokenCharacters =
      "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return !name.empty() && name.find_first_not_of(kTokenCharacters) == name.npos;
}

std::string_view reason(int status) {
  auto text = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  return {text.data(), text.size()};
}

void add(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ");
  for (char c : value) {
    auto byte = static_cast<unsigned char>(c);
    head += (byte < 0x20 && c != '\t') || byte == 0x7f ? ' ' : c;
  }
  head += "\r\n";
}

std::string date() {
  auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

}  // namespace

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

std::string response_head(const HttpResponse& response, std::optional<std::size_t> content_length,
                          const Framing& framing) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
  add(head, "Date", date());
  for (const Header& header : response.headers) {
    CHECK(is_token(header.first), "'{}' is no name of a header", header.first);
    CHECK(std::ranges::none_of(kTransportHeaders,
                               [&](std::string_view name) { return same_name(header.first, name); }),
          "the header {} is set by the transport", header.first);
    add(head, header.first, header.second);
  }
  for (const Header& header : framing.headers) add(head, header.first, header.second);
  if (has_body(response.status)) {
    if (content_length) {
      add(head, "Content-Length", fmt::to_string(*content_length));
    } else if (framing.http_1_1) {
      add(head, "Transfer-Encoding", "chunked");
    }
  }
  if (!framing.keep_alive) add(head, "Connection", "close");
  return head += "\r\n";
}

}  // namespace verbatim::server
