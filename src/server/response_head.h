// What stands before the body of a response, and the responses that the transport makes itself.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http.h"

namespace verbatim::server {

// What the request and its connection ask of the form of its response.
struct Framing {
  bool http_1_1 = true;         // a stream is sent in chunks; to an older client it ends with the connection
  bool keep_alive = true;       // after this response
  bool head_only = false;       // HEAD
  std::vector<Header> headers;  // that the transport adds, CORS
};

// The status line and headers up to the empty line. content_length: of the body; nothing: it is a stream.
// A control character in a value becomes a space, so that no value can begin another header.
// REQUIRES: header names are tokens, and none is the transport's (Content-Length, Transfer-Encoding,
// Connection, Date)
std::string response_head(const HttpResponse& response, std::optional<std::size_t> content_length,
                          const Framing& framing);

// Whether a response with this status has a body at all (RFC 9110, section 6.4.1).
bool has_body(int status);

}  // namespace verbatim::server
