// RequestReader: the bytes of one connection become requests, by the grammar of RFC 9112. Knows no socket.
//
// Bytes may arrive cut anywhere: the requests are the same. Stricter than the RFC asks where servers and
// proxies have been known to read one message in two ways: exactly one Host, at most one Content-Length
// and one Authorization, no Transfer-Encoding but "chunked" alone, no header in several lines, no control character in a path.
// Built on the parser of Boost.Beast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/http.h"

namespace verbatim::server {

struct ReadLimits {
  std::size_t header_bytes;
  std::size_t body_bytes;
};

class RequestReader {
 public:
  // idle: no byte of a request yet. headers, body: in the middle of one. failed: no further request can be
  // read; bytes are ignored from here on.
  enum class State : std::uint8_t { idle, headers, body, complete, failed };

  explicit RequestReader(ReadLimits limits);
  ~RequestReader();

  // Reads on, up to the end of one request: bytes beyond it are held until the put() that follows take().
  void put(std::string_view bytes);
  State state() const { return state_; }

  // The request so far: all but its body.  REQUIRES: state() is body or complete
  const HttpRequest& head() const { return request_; }
  // Of the last request whose head has come.
  bool http_1_1() const { return http_1_1_; }
  bool keep_alive() const { return keep_alive_; }

  // That have come of the request's body.
  std::size_t body_bytes() const;

  // Forgets what has come; no further request can be read.
  void abandon();

  // Hands the request over.  REQUIRES: state() is complete
  HttpRequest take();

  // What to answer.  REQUIRES: state() is failed
  const HttpResponse& failure() const { return failure_; }

 private:
  struct Parser;

  void advance();
  bool read_head();  // these two say whether there may be more to read in input_
  bool read_body();
  bool understand_head();
  bool understand_target(std::string_view target);
  bool refuse(int status, std::string_view sentence);  // state failed; false

  ReadLimits limits_;
  State state_ = State::idle;
  std::string input_;         // not parsed yet
  std::size_t searched_ = 0;  // of input_: holds no end of the head
  std::unique_ptr<Parser> parser_;
  HttpRequest request_;
  bool http_1_1_ = true, keep_alive_ = true;
  HttpResponse failure_;
};

// "%41" -> "A".  Errors: a '%' without two hexadecimal digits, a control character.
Result<std::string> percent_decode(std::string_view text);

}  // namespace verbatim::server
