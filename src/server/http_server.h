// HttpServer: HTTP/1.1 over TCP or TLS on I/O threads of its own; brings requests to a handler and answers back.
//
// Promises. The handler sees whole, well-formed requests, one at a time for each connection, in their order.
// Whatever a client does (sends slowly, nonsense, or too much; reads slowly or not at all; goes away) concerns
// that client alone: it gets an error that says what to change, or is dropped, and memory for it stays within
// the limits below. No thread of the caller ever waits for a client.
//
// A client counts as gone when its connection fails or it closes its sending side (RFC 9112, section 9.6,
// leaves half-closed connections to the server). It is noticed while nothing is sent, unless the client has
// sent more than 16 KiB ahead of the answer that it waits for.
//
// Not here: HTTP/2 (put a proxy in front), compression, ranges, WebSocket.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/http.h"
#include "server/memory_budget.h"

namespace verbatim::server {

struct HttpServerOptions {
  std::string host =
      "127.0.0.1";  // an address; "0.0.0.0" and "::" are every interface; "localhost"; "unix:PATH"
  int port = 8000;  // 0: a free one
  int threads = 1;  // that serve connections; a connection stays with one

  std::string tls_certificate, tls_key;    // PEM files; the certificate with its chain. Both or none
  std::vector<std::string> api_keys;       // empty: no key is asked for. See api_keys.h
  std::vector<std::string> cors_origins;   // that browsers may call from; "*": any. See cors.h
  std::vector<std::string> allowed_hosts;  // on loopback: names in Host beside its own. See allowed_hosts.h
  bool open_metrics = false;               // /metrics takes no key; on loopback it never does
  std::string access_log;                  // file to append to; "-": stderr; empty: none. See access_log.h

  std::size_t max_connections = 4096;       // one more is told 503
  std::size_t max_header_bytes = 32 << 10;  // 431
  std::size_t max_body_bytes = 16 << 20;    // 413
  // Of all requests whose bodies are arriving or not read yet: 503. See memory_budget.h
  std::size_t max_total_body_bytes = 256 << 20;
  // Of an answer, not yet taken by the kernel, which holds up to twice send_buffer_bytes more. What is beyond it is of
  // answer_memory: a client that falls so far behind is dropped when there is none left.
  std::size_t max_queue_bytes = 256 << 10;
  // Of all answers, from their prompts until the clients have them. Shared with the API
  std::shared_ptr<MemoryBudget> answer_memory = std::make_shared<MemoryBudget>(std::size_t{256} << 20);
  int send_buffer_bytes = 64 << 10;

  std::chrono::milliseconds header_timeout{10'000};  // handshake and headers, from the first byte: 408
  std::chrono::milliseconds body_timeout{60'000};    // from headers to the end of the body: 408
  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  std::chrono::milliseconds send_timeout{30'000};    // without the client taking a byte
  std::chrono::milliseconds linger_timeout{2'000};   // for the client to read a last answer
};

struct HttpStats {
  // Now:
  std::int64_t connections_open = 0;
  std::int64_t requests_running = 0;
  std::int64_t body_bytes_held = 0;
  // Since the start:
  std::int64_t connections = 0;
  std::int64_t connections_refused = 0;  // over max_connections
  std::int64_t requests = 0;             // those that the transport answered itself among them
  std::int64_t clients_gone = 0;         // before their answer was complete, the shed ones among them
  std::int64_t clients_shed = 0;         // read too slowly
  std::int64_t bytes_sent = 0;
  std::int64_t log_lines_lost = 0;
  std::int64_t bodies_refused = 0;  // for max_total_body_bytes
};

class HttpServer {
 public:
  // Listens from here on. Errors name the option.
  static Result<std::unique_ptr<HttpServer>> create(HttpServerOptions options, HttpHandler handler);
  ~HttpServer();  // stop()

  int port() const;
  HttpStats stats() const;

  // Opens the file of the access log by its name again, after somebody renamed it. An error leaves the old one in use.
  Status reopen_access_log();

  // Drain: no new connections, idle ones close, running requests go on; their connections close after them.
  void stop_accepting();
  // Waits until no connection is open, or for `timeout`; says whether none is.
  bool wait_until_idle(std::chrono::milliseconds timeout);
  // Ends every connection (with on_gone where a request runs) and the threads. After it no callback runs and
  // responders do nothing.  REQUIRES: not called on a thread of the transport
  void stop();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace verbatim::server
