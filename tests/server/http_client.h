// A client that blocks, for tests of the transport: it sends any bytes it is told to, cut as told, and reads
// responses as RFC 9112 says. Over TCP, or over TLS when it is given a context.
//
// A read that waits for longer than kPatience fails the test; nothing else here looks at a clock.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "server/http.h"

namespace verbatim::server {

constexpr timeval kPatience{120, 0};

struct ClientResponse {
  int status = 0;  // 0: the connection ended before a response
  std::vector<Header> headers;
  std::string body;
  std::size_t chunks = 0;
  bool whole = false;  // its end was seen

  std::string header(std::string_view name) const {
    const std::string* value = find_header(headers, name);
    return value == nullptr ? "" : *value;
  }
};

class Client {
 public:
  // receive_buffer: of the kernel, in bytes; 0: its choice.
  explicit Client(int port, SSL_CTX* tls = nullptr, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), ssl_(nullptr, SSL_free) {
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    if (tls == nullptr || !connected_) return;
    ssl_.reset(SSL_new(tls));
    SSL_set_fd(ssl_.get(), fd_);
    connected_ = SSL_connect(ssl_.get()) == 1;
  }
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        ssl_(std::move(other.ssl_)),
        connected_(other.connected_),
        input_(std::move(other.input_)) {}
  Client& operator=(Client&&) = delete;
  ~Client() { close(); }

  bool connected() const { return connected_; }
  int fd() const { return fd_; }

  // Says whether the kernel took all of it.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t n = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                       : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  bool get(std::string_view path, std::string_view headers = "") {
    return send(fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", path, headers));
  }
  bool post(std::string_view path, std::string_view body, std::string_view headers = "") {
    return send(fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{}\r\n{}", path,
                            body.size(), headers, body));
  }

  void end_sending() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    ssl_.reset();
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // Closes with a reset, as a process that is killed with unread data does.
  void reset() {
    linger abort{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    close();
  }

  // The next response; head_only: to HEAD.
  ClientResponse read(bool head_only = false) {
    ClientResponse response;
    if (!read_head(response)) return response;
    if (head_only || response.status < 200 || response.status == 204) {
      response.whole = true;
    } else if (same_name(response.header("Transfer-Encoding"), "chunked")) {
      while (auto chunk = read_chunk()) {
        response.whole = chunk->empty();
        if (response.whole) break;
        response.body += *chunk;
        ++response.chunks;
      }
    } else if (!response.header("Content-Length").empty()) {
      auto length = static_cast<std::size_t>(std::atoll(response.header("Content-Length").c_str()));
      response.whole = fill(length);
      response.body = take(std::min(length, input_.size()));
    } else {
      while (fill(input_.size() + 1)) {
      }
      response.body = take(input_.size());
      response.whole = true;
    }
    return response;
  }

  bool read_head(ClientResponse& response) {
    std::optional<std::string> line = read_line();
    if (!line) return false;
    EXPECT_EQ(line->compare(0, 9, "HTTP/1.1 "), 0) << *line;
    response.status = std::atoi(line->c_str() + 9);
    while ((line = read_line()) && !line->empty()) {
      std::size_t colon = line->find(": ");
      EXPECT_NE(colon, line->npos) << *line;
      response.headers.emplace_back(line->substr(0, colon), line->substr(colon + 2));
    }
    return line.has_value();
  }
  // Empty: the last. Nothing: the connection ended.
  std::optional<std::string> read_chunk() {
    std::optional<std::string> line = read_line();
    if (!line) return {};
    std::size_t size = std::stoul(*line, nullptr, 16);
    if (!fill(size + 2)) return {};
    std::string chunk = take(size);
    EXPECT_EQ(take(2), "\r\n");
    return chunk;
  }
  // The connection ends here, with nothing more to read.
  bool ended() { return !fill(1) && input_.empty(); }

 private:
  std::optional<std::string> read_line() {
    std::size_t end;
    while ((end = input_.find("\r\n")) == input_.npos) {
      if (!fill(input_.size() + 1)) return {};
    }
    std::string line = take(end);
    take(2);
    return line;
  }
  bool fill(std::size_t wanted) {
    char buffer[65536];
    while (input_.size() < wanted) {
      errno = 0;
      ssize_t n = ssl_ ? SSL_read(ssl_.get(), buffer, sizeof buffer) : ::recv(fd_, buffer, sizeof buffer, 0);
      EXPECT_FALSE(n < 0 && errno == EAGAIN) << "the server kept a client waiting for too long";
      if (n <= 0) return false;
      input_.append(buffer, static_cast<std::size_t>(n));
    }
    return true;
  }
  std::string take(std::size_t bytes) {
    std::string taken = input_.substr(0, bytes);
    input_.erase(0, bytes);
    return taken;
  }

  int fd_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  bool connected_ = false;
  std::string input_;
};

}  // namespace verbatim::server
