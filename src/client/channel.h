// Channel: one connection at a time to a server, HTTP/1.1, kept for the next request where the server allows;
// and Peer, the server as its clients address it.
//
// https verifies the server's certificate, and that it names the host, by the system's certificate authorities
// (OpenSSL's environment variables SSL_CERT_FILE and SSL_CERT_DIR name others). Not here: proxies, redirects,
// compression, HTTP/2.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "client/url.h"

namespace verbatim::client {

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;

class Peer {
 public:
  Peer(Url url, std::string api_key);  // api_key: empty: none is sent

  const Url& url() const { return url_; }
  boost::asio::ssl::context* tls() { return tls_ ? &*tls_ : nullptr; }  // nullptr: plain HTTP

  HttpRequest get(const std::string& path) const;  // path: after the URL's, "/v1/models"
  HttpRequest post(const std::string& path, std::string json) const;

 private:
  HttpRequest request(boost::beast::http::verb verb, const std::string& path) const;

  Url url_;
  std::string api_key_;
  std::optional<boost::asio::ssl::context> tls_;
};

// Of one body; a longer one fails. A stream of 100,000 tokens with log-probabilities has less than half of that.
constexpr std::size_t kMostBodyBytes = std::size_t{256} << 20;

class Channel {
 public:
  // read_bytes: what one read takes at most, before longer bodies let it grow.  REQUIRES: peer outlives this
  Channel(Peer& peer, boost::asio::any_io_executor executor, std::size_t read_bytes = 512);

  // Of all that follows until the next call; exceeding it fails with boost::beast::error::timeout.
  void expires_after(std::chrono::steady_clock::duration timeout);

  // Sends a request and reads the head of its response. A connection that the server has closed meanwhile is
  // replaced once. Throws boost::system::system_error.
  boost::asio::awaitable<void> ask(const HttpRequest& request);

  int status() const { return static_cast<int>(parser_->get().result_int()); }
  std::string header(const std::string& name) const;  // empty: there is none

  // The next piece of the body: all that has been read; nothing: it is complete.
  boost::asio::awaitable<std::optional<std::string>> read();
  boost::asio::awaitable<std::string> read_all();

  void drop();

  // What an exception of ask() and read() says.
  std::string problem(const boost::system::system_error& error) const;

 private:
  using Plain = boost::beast::tcp_stream;
  using Secure = boost::asio::ssl::stream<Plain>;

  bool connected() const { return plain_ || secure_; }
  Plain& socket() { return secure_ ? secure_->next_layer() : *plain_; }
  template <class Use>
  auto on_stream(Use use) {
    return secure_ ? use(*secure_) : use(*plain_);
  }
  boost::asio::awaitable<void> connect();
  boost::asio::awaitable<void> exchange(const HttpRequest& request);

  Peer& peer_;
  boost::asio::any_io_executor executor_;
  std::optional<Plain> plain_;    // one of the two
  std::optional<Secure> secure_;  // is the connection
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::string distrust_;  // why the certificate was not accepted
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::response_parser<boost::beast::http::string_body>> parser_;
};

// `wanted`, or the first model that the server lists where that is empty.  Errors: the server cannot be asked for
// its list, refuses, or lists none where one is needed.
boost::asio::awaitable<Result<std::string>> find_model(Channel& channel, const Peer& peer,
                                                       std::string wanted);

}  // namespace verbatim::client
