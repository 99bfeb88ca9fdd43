// What the API sees of HTTP: a request that has arrived whole, and a way to answer it from any thread.
//
// http_server.h brings requests and sends answers; api.h turns the ones into the others and knows no socket.
// Tests of the API implement Responder themselves.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/body_pieces.h"

namespace verbatim::server {

using Header = std::pair<std::string, std::string>;

// Names of headers, and tokens such as "chunked": compared without case (ASCII).
bool same_name(std::string_view a, std::string_view b);

// The first header of this name; nullptr: there is none.
const std::string* find_header(const std::vector<Header>& headers, std::string_view name);

struct HttpRequest {
  std::string method;  // "GET", "POST", ...
  std::string path;    // percent-decoded, without the query
  std::string query;   // after '?', as sent
  std::vector<Header> headers;
  std::string body;
  std::string peer;  // "127.0.0.1:40112", for the log
  std::optional<std::size_t> key =
      std::nullopt;  // which of the server's API keys it showed; none: none is asked for
  std::shared_ptr<const void> share =
      nullptr;  // of the memory for bodies (memory_budget.h): lives as long as the body

  const std::string* header(std::string_view name) const { return find_header(headers, name); }
};

struct HttpResponse {
  int status = 200;
  std::vector<Header> headers;  // Content-Length, Connection, Date and CORS are the transport's
  std::string body;
};

// Answers one request: either respond() or respond_in_pieces() once, or begin_stream() once, write() any number of times,
// end() once.
//
// Thread safe, and no call ever blocks: bytes are queued and sent by the transport. The queue of a client that
// reads too slowly is bounded: when it overflows the connection is closed, as if the client had gone. After
// the client is gone all calls are accepted and do nothing.
class Responder {
 public:
  virtual ~Responder() = default;

  virtual void respond(HttpResponse response) = 0;
  // The same, of a body that is written as it is sent, on a thread of the transport.
  virtual void respond_in_pieces(HttpResponse head, BodyPieces body);

  // Sends status and headers (response.body is not looked at); the body follows in pieces.
  virtual void begin_stream(HttpResponse head) = 0;
  virtual void write(std::string piece) = 0;
  virtual void end() = 0;

  // Calls `callback` once, on a thread of the transport, when the client is gone before the answer was
  // complete; at once, on the caller's thread, when it is gone already. At most one callback; set before the
  // first byte is sent.
  virtual void on_gone(std::function<void()> callback) = 0;

  // Whether the client is gone: nothing needs to be begun for it.
  virtual bool gone() const { return false; }
};

// Takes a request and makes sure that `responder` is answered, now or later. Called on a thread of the
// transport; must not block it.
using HttpHandler = std::function<void(HttpRequest request, std::shared_ptr<Responder> responder)>;

}  // namespace verbatim::server
