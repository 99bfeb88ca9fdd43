#include "server/http_server.h"

#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "server/http_connection.h"
#include "server/tls.h"

namespace verbatim::server {

namespace net = boost::asio;
using ErrorCode = boost::system::error_code;

namespace {

using Protocol = net::generic::stream_protocol;  // TCP or Unix-domain

// Connections over the limit that may wait for their 503 at a time; beyond them the door is shut in silence.
constexpr std::size_t kMaxRefusedConnections = 256;
// Files that a process needs beside its connections.
constexpr std::size_t kOtherFiles = 256;

constexpr std::string_view kUnix = "unix:";

// A socket that a killed server left behind is taken away; one that a server listens on is not, nor another file.
Result<Protocol::endpoint> unix_endpoint(const std::string& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail("host unix:{}: the path must have from 1 to {} bytes", path,
                sizeof(sockaddr_un::sun_path) - 1);
  }
  net::local::stream_protocol::endpoint endpoint(path);
  net::io_context context;
  net::local::stream_protocol::socket probe(context);
  ErrorCode error;
  probe.connect(endpoint, error);
  if (!error) return fail("host unix:{}: another server listens there", path);
  std::error_code ignored;
  if (std::filesystem::is_socket(path, ignored)) ::unlink(path.c_str());
  return Protocol::endpoint(endpoint);
}

Result<Protocol::endpoint> endpoint_of(const HttpServerOptions& options) {
  if (options.host.starts_with(kUnix)) return unix_endpoint(options.host.substr(kUnix.size()));
  if (options.port < 0 || options.port > 65535) {
    return fail("port {}: must be from 0 to 65535, where 0 picks a free one", options.port);
  }
  ErrorCode error;
  auto address = net::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host, error);
  if (error) {
    return fail(
        "host '{}': must be an address, such as 127.0.0.1 (this machine) or 0.0.0.0 (every interface), or "
        "unix:PATH",
        options.host);
  }
  return Protocol::endpoint(net::ip::tcp::endpoint(address, static_cast<std::uint16_t>(options.port)));
}

// Nothing: it is no TCP endpoint.
std::optional<net::ip::tcp::endpoint> tcp_of(const Protocol::endpoint& endpoint) {
  int family = endpoint.protocol().family();
  if (family != AF_INET && family != AF_INET6) return {};
  net::ip::tcp::endpoint tcp;
  tcp.resize(endpoint.size());
  std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
  return tcp;
}

std::string name_of(const Protocol::endpoint& peer) {
  auto tcp = tcp_of(peer);
  if (!tcp) return "unix";
  std::string address = tcp->address().to_string();
  return tcp->address().is_v6() ? fmt::format("[{}]:{}", address, tcp->port())
                                : fmt::format("{}:{}", address, tcp->port());
}

// Raises the process's limit of open files where it allows.
Status provide_files(std::size_t connections) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  rlim_t wanted = connections + kMaxRefusedConnections + kOtherFiles;
  if (limit.rlim_cur >= wanted) return {};
  if (limit.rlim_max < wanted) {
    return fail(
        "max_connections {}: needs {} open files, and the system allows {}: lower it, or raise `ulimit -Hn`",
        connections, wanted, limit.rlim_max);
  }
  limit.rlim_cur = wanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return {};
}

// Until the context is stopped. What escapes a connection costs that connection.
void serve_connections(net::io_context& context) {
  for (;;) {
    try {
      context.run();
      return;
    } catch (const std::exception& error) {
      fmt::print(stderr, "verbatim: a connection is lost: {}\n", error.what());
    }
  }
}

// Everything of the service but its handler.
Status fill(HttpService& service) {
  const HttpServerOptions& options = service.options;
  if (options.threads < 1) return fail("threads {}: one at least must serve", options.threads);
  if (options.max_total_body_bytes < options.max_body_bytes) {
    return fail("max_total_body_bytes {}: must be at least max_body_bytes, which is {}",
                options.max_total_body_bytes, options.max_body_bytes);
  }
  service.bodies = std::make_shared<MemoryBudget>(options.max_total_body_bytes);
  auto keys = ApiKeys::create(options.api_keys, options.open_metrics || is_loopback(options.host));
  if (!keys) return keys.error();
  service.keys = *std::move(keys);
  service.hosts = AllowedHosts(options.host, options.allowed_hosts);
  auto cors = Cors::create(options.cors_origins);
  if (!cors) return cors.error();
  service.cors = *std::move(cors);
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return fail("TLS needs both a certificate and a key: name both files, or none");
  }
  if (!options.tls_certificate.empty()) {
    auto context = tls_context(options.tls_certificate, options.tls_key);
    if (!context) return context.error();
    service.tls = *std::move(context);
  }
  auto log = AccessLog::create(options.access_log);
  if (!log) return log.error();
  service.log = *std::move(log);
  return provide_files(options.max_connections);
}

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(std::unique_ptr<HttpService> service)
      : service_owner_(std::move(service)),
        loops_(make_loops(service_.options.threads)),
        acceptor_(loops_.front()->context.get_executor()),
        retry_(acceptor_.get_executor()) {}

  Status listen() {
    auto endpoint = endpoint_of(service_.options);
    if (!endpoint) return endpoint.error();
    ErrorCode error;
    acceptor_.open(endpoint->protocol(), error);
    if (!error) acceptor_.set_option(net::socket_base::reuse_address(true), error);
    // Accepted sockets inherit it.
    if (!error) {
      acceptor_.set_option(net::socket_base::send_buffer_size(service_.options.send_buffer_bytes), error);
    }
    if (!error) acceptor_.bind(*endpoint, error);
    if (!error) acceptor_.listen(net::socket_base::max_listen_connections, error);
    if (error) {
      return fail("host {}, port {}: cannot be listened on: {}", service_.options.host, service_.options.port,
                  error.message());
    }
    if (auto tcp = tcp_of(acceptor_.local_endpoint())) {
      port_ = tcp->port();
    } else {
      unix_path_ = service_.options.host.substr(kUnix.size());
    }
    accept();
    for (auto& loop : loops_)
      loop->thread = std::thread([&loop = *loop] { serve_connections(loop.context); });
    return {};
  }

  int port() const { return port_; }

  HttpStats stats() {
    HttpStats stats;
    {
      std::lock_guard lock(service_.mutex);
      stats.connections_open = static_cast<std::int64_t>(service_.open.size());
    }
    stats.requests_running = service_.requests_running;
    stats.body_bytes_held = static_cast<std::int64_t>(service_.bodies->held());
    stats.bodies_refused = service_.bodies_refused;
    stats.connections = service_.connections;
    stats.connections_refused = service_.connections_refused;
    stats.requests = service_.requests;
    stats.clients_gone = service_.clients_gone;
    stats.clients_shed = service_.clients_shed;
    stats.bytes_sent = service_.bytes_sent;
    stats.log_lines_lost = service_.log->lines_lost();
    return stats;
  }

  Status reopen_access_log() { return service_.log->reopen(); }

  void stop_accepting() {
    service_.draining = true;
    net::post(acceptor_.get_executor(), [this] {
      close_listener();
      each_connection(&Connection::drain);
    });
  }

  bool wait_until_idle(std::chrono::milliseconds timeout) {
    std::unique_lock lock(service_.mutex);
    return service_.all_closed.wait_for(lock, timeout, [&] { return service_.open.empty(); });
  }

  void stop() {
    if (!loops_.front()->thread.joinable()) return;
    service_.draining = true;
    net::post(acceptor_.get_executor(), [this] {
      close_listener();
      each_connection(&Connection::close);
      for (auto& loop : loops_) loop->work.reset();
    });
    for (auto& loop : loops_) loop->thread.join();
  }

 private:
  // One thread and what it serves.
  struct Loop {
    net::io_context context{1};
    net::executor_work_guard<net::io_context::executor_type> work{context.get_executor()};
    std::thread thread;
  };

  void accept() {
    Loop& loop = *loops_[next_loop_++ % loops_.size()];
    acceptor_.async_accept(loop.context.get_executor(), [this](ErrorCode error, Connection::Socket socket) {
      if (!acceptor_.is_open()) return;
      if (!error) begin(std::move(socket));
      if (!error || error == net::error::connection_aborted) return accept();
      // Out of files or memory: others must close first.
      retry_.expires_after(std::chrono::milliseconds(50));
      retry_.async_wait([this](ErrorCode cancelled) {
        if (!cancelled) accept();
      });
    });
  }

  void begin(Connection::Socket socket) {
    ErrorCode gone;
    Protocol::endpoint peer = socket.remote_endpoint(gone);
    if (gone) return;
    socket.set_option(net::ip::tcp::no_delay(true), gone);  // a Unix-domain socket knows no delay
    ++service_.connections;
    std::unique_lock lock(service_.mutex);
    std::size_t open = service_.open.size(), most = service_.options.max_connections;
    bool refused = open >= most;
    if (refused) ++service_.connections_refused;
    if (open >= most + kMaxRefusedConnections) return;
    auto connection = std::make_shared<Connection>(std::move(socket), name_of(peer), refused, service_);
    service_.open.insert(connection);
    lock.unlock();
    connection->post(&Connection::start);
  }

  void close_listener() {
    ErrorCode ignored;
    acceptor_.close(ignored);
    retry_.cancel();
    if (!unix_path_.empty()) ::unlink(std::exchange(unix_path_, {}).c_str());
  }

  void each_connection(void (Connection::*action)()) {
    std::lock_guard lock(service_.mutex);
    for (const auto& connection : service_.open) connection->post(action);
  }

  static std::vector<std::unique_ptr<Loop>> make_loops(int count) {
    std::vector<std::unique_ptr<Loop>> loops;
    for (int i = 0; i < count; ++i) loops.push_back(std::make_unique<Loop>());
    return loops;
  }

  std::unique_ptr<HttpService> service_owner_;
  HttpService& service_ = *service_owner_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::size_t next_loop_ = 0;
  net::basic_socket_acceptor<Protocol, net::io_context::executor_type> acceptor_;  // served by the first loop
  Connection::Timer retry_;
  int port_ = 0;
  std::string unix_path_;  // of the file to take away in the end
};

Result<std::unique_ptr<HttpServer>> HttpServer::create(HttpServerOptions options, HttpHandler handler) {
  auto service = std::make_unique<HttpService>();
  service->options = std::move(options);
  service->handler = std::move(handler);
  if (Status status = fill(*service); !status) return status.error();
  auto impl = std::make_unique<Impl>(std::move(service));
  if (Status status = impl->listen(); !status) return status.error();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { impl_->stop(); }
int HttpServer::port() const { return impl_->port(); }
HttpStats HttpServer::stats() const { return impl_->stats(); }
Status HttpServer::reopen_access_log() { return impl_->reopen_access_log(); }
void HttpServer::stop_accepting() { impl_->stop_accepting(); }
bool HttpServer::wait_until_idle(std::chrono::milliseconds timeout) {
  return impl_->wait_until_idle(timeout);
}
void HttpServer::stop() { impl_->stop(); }

}  // namespace verbatim::server
