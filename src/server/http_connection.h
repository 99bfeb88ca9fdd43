// Connection: one client, from accept to close. Lives on one I/O thread; only the wake-up of its exchange comes
// from others.
//
// Its life: [TLS handshake] -> { idle -> head -> body -> answer }* -> linger -> closed. A read is always pending,
// so that a client that goes is noticed in any of them; a deadline stands in each but "answer", where the API
// takes the time it needs and only a client that takes no bytes is on the clock.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include "server/access_log.h"
#include "server/allowed_hosts.h"
#include "server/api_keys.h"
#include "server/cors.h"
#include "server/exchange.h"
#include "server/http_server.h"
#include "server/memory_budget.h"
#include "server/request_reader.h"

namespace verbatim::server {

class Connection;

// What the connections of one server share.
struct HttpService {
  HttpServerOptions options;
  HttpHandler handler;
  ApiKeys keys;
  Cors cors;
  AllowedHosts hosts;
  std::unique_ptr<AccessLog> log;
  std::unique_ptr<boost::asio::ssl::context> tls;  // nullptr: plain TCP

  std::atomic<bool> draining{false};
  std::atomic<std::int64_t> requests_running{0}, connections{0}, connections_refused{0}, requests{0},
      clients_gone{0}, clients_shed{0}, bytes_sent{0}, bodies_refused{0};
  std::shared_ptr<MemoryBudget> bodies;  // outlives the server where the API still holds a request

  std::mutex mutex;
  std::condition_variable all_closed;
  std::unordered_set<std::shared_ptr<Connection>> open;  // from start() to close()
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                                  boost::asio::io_context::executor_type>;
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>,
                                                  boost::asio::io_context::executor_type>;

  // refused: it is one too many, and each request is answered 503.
  Connection(Socket socket, std::string peer, bool refused, HttpService& service);

  // Calls one of these three on its I/O thread, soon. From any thread.
  void post(void (Connection::*action)());
  void start();
  void drain();  // closes when idle; after the present request otherwise
  void close();  // now; the client counts as gone where a request is running

 private:
  using Clock = std::chrono::steady_clock;
  using Tls = boost::asio::ssl::stream<Socket>;
  enum class Phase : std::uint8_t { handshake, idle, head, body, answer, linger, closed };
  static constexpr std::size_t kReadBytes = 4096;
  static constexpr std::size_t kReadAhead = 16384;
  static constexpr std::size_t kKeptOutputBytes = 16384;  // a larger buffer is given back after use

  // bytes -> requests
  void read();
  void on_read(boost::system::error_code error, std::size_t bytes);
  void on_input_end();
  void advance();
  bool admit();
  bool hold_body();
  void enter(Phase phase);

  // requests -> answers
  void begin_exchange(bool keep_alive);
  void run(HttpRequest request);
  void refuse(HttpResponse response);
  void on_wake();
  void send();
  void on_sent(boost::system::error_code error, std::size_t bytes);
  void finish();
  void linger();
  void shed();
  void close_as(std::string_view ending);
  void note(std::string_view ending);

  // the clock
  void set_deadline(std::optional<std::chrono::milliseconds> from_now);
  void arm();
  void on_deadline();

  Socket& socket();
  template <class Action>
  void with_stream(Action action);

  HttpService& service_;
  std::variant<Socket, Tls> stream_;
  const std::string peer_;
  const bool refused_;
  Phase phase_ = Phase::handshake;

  RequestReader reader_;
  std::array<char, kReadBytes> input_;
  std::string ahead_;  // that has come while an answer was running
  bool reading_ = false;
  bool discarding_ = false;         // what still arrives is of no interest
  bool input_ended_ = false;        // the client sends no more
  bool admitted_ = false;           // the request that is arriving
  std::optional<std::size_t> key_;  // that it showed
  std::vector<Header> cors_;        // for its answer
  std::shared_ptr<MemoryShare> share_;

  std::shared_ptr<Exchange> exchange_;  // phase answer
  std::string output_;                  // being sent, from sent_ on
  std::size_t sent_ = 0;
  bool sending_ = false;

  Timer timer_;
  Clock::time_point deadline_ = Clock::time_point::max();
  bool armed_ = false;

  struct Record {  // of the present request, for the log
    std::string method, path, user_agent;
    Clock::time_point start{};
    std::int64_t bytes = 0;
  } record_;
};

}  // namespace verbatim::server
