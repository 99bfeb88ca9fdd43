#include "server/http_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <new>
#include <utility>

#include "base/check.h"
#include "server/api_error.h"
#include "server/response_head.h"

namespace verbatim::server {

namespace net = boost::asio;
using ErrorCode = boost::system::error_code;

namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

HttpResponse with_header(HttpResponse response, std::string name, std::string value) {
  response.headers.emplace_back(std::move(name), std::move(value));
  return response;
}

}  // namespace

Connection::Connection(Socket socket, std::string peer, bool refused, HttpService& service)
    : service_(service),
      stream_(std::move(socket)),
      peer_(std::move(peer)),
      refused_(refused),
      reader_({service.options.max_header_bytes, service.options.max_body_bytes}),
      timer_(this->socket().get_executor()) {
  if (service.tls != nullptr) {
    Socket plain = std::move(std::get<Socket>(stream_));
    stream_.emplace<Tls>(std::move(plain), *service.tls);
  }
}

Connection::Socket& Connection::socket() {
  if (auto* tls = std::get_if<Tls>(&stream_)) return tls->next_layer();
  return std::get<Socket>(stream_);
}

template <class Action>
void Connection::with_stream(Action action) {
  std::visit(std::move(action), stream_);
}

void Connection::post(void (Connection::*action)()) {
  net::post(timer_.get_executor(), [self = shared_from_this(), action] { ((*self).*action)(); });
}

void Connection::start() {
  if (phase_ == Phase::closed) return;
  auto* tls = std::get_if<Tls>(&stream_);
  enter(tls == nullptr ? Phase::idle : Phase::handshake);
  set_deadline(service_.options.header_timeout);
  if (tls == nullptr) return read();
  tls->async_handshake(Tls::server, [self = shared_from_this()](ErrorCode error) {
    if (self->phase_ == Phase::closed) return;
    if (error) return self->close();
    self->enter(Phase::idle);
    self->set_deadline(self->service_.options.header_timeout);
    self->read();
  });
}

void Connection::drain() {
  if (phase_ == Phase::idle || phase_ == Phase::handshake) close();
}

// ---- bytes -> requests ----

void Connection::read() {
  if (reading_ || phase_ == Phase::closed || input_ended_ || ahead_.size() > kReadAhead) return;
  reading_ = true;
  with_stream([&](auto& stream) {
    stream.async_read_some(net::buffer(input_),
                           [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
                             self->reading_ = false;
                             self->on_read(error, bytes);
                           });
  });
}

void Connection::on_read(ErrorCode error, std::size_t bytes) {
  if (phase_ == Phase::closed) return;
  if (error) return on_input_end();
  if (discarding_) return read();
  try {
    std::string_view arrived(input_.data(), bytes);
    if (phase_ == Phase::answer) {
      ahead_ += arrived;
    } else {
      reader_.put(arrived);
      advance();
    }
    read();
  } catch (const std::exception&) {  // such as no memory for what came: this client's end, not ours
    close();
  }
}

void Connection::on_input_end() {
  input_ended_ = true;
  // An answer that is on its way goes out to a client that has only closed its sending side.
  if (phase_ != Phase::answer || !exchange_->complete()) close();
}

void Connection::advance() {
  switch (reader_.state()) {
    case RequestReader::State::idle:
      if (phase_ != Phase::idle) enter(Phase::idle);
      return;
    case RequestReader::State::headers:
      if (phase_ != Phase::head) enter(Phase::head);
      return;
    case RequestReader::State::body:
      if (admit() && hold_body() && phase_ != Phase::body) enter(Phase::body);
      return;
    case RequestReader::State::complete:
      if (admit() && hold_body()) run(reader_.take());
      return;
    case RequestReader::State::failed:
      return refuse(reader_.failure());
  }
}

// Looks at the head of a request before its body is waited for; answers it when it is turned away.
bool Connection::admit() {
  if (std::exchange(admitted_, true)) return true;
  const HttpRequest& head = reader_.head();
  const std::string* agent = head.header("User-Agent");
  record_ = {head.method, head.path, agent != nullptr ? *agent : "", Clock::now()};
  cors_ = service_.cors.headers(head);
  if (refused_ || service_.draining) {
    std::string_view why = refused_ ? "too many connections are open" : "this server is shutting down";
    refuse(
        with_header(error_response(503, fmt::format("{}: try again in a moment", why)), "Retry-After", "1"));
    return false;
  }
  const bool options = head.method == "OPTIONS";
  if (!service_.hosts.admits(head)) {
    refuse(error_response(403,
                          fmt::format("this server is not asked for as '{}': use localhost, or start it with "
                                      "--allowed-host and that name",
                                      *head.header("Host"))));
    return false;
  }
  if (!options && !service_.cors.admits(head)) {  // OPTIONS is told so by Cors
    refuse(error_response(
        403, fmt::format("pages of '{}' may not call this server: start it with --cors-origin and "
                         "their origin",
                         *head.header("Origin"))));
    return false;
  }
  // No key is asked for here, so nobody may make the server hold anything.
  const std::string* length = head.header("Content-Length");
  const bool announces = head.header("Transfer-Encoding") != nullptr ||
                         (length != nullptr && length->find_first_not_of('0') != length->npos);
  if (announces && (options || service_.keys.is_open(head.path))) {
    refuse(error_response(413, fmt::format("{} {} takes no body: leave it out", head.method, head.path)));
    return false;
  }
  const auto key = service_.keys.admit(head);
  if (!key && !options) {
    refuse(with_header(error_response(401, key.error().message, "invalid_api_key"), "WWW-Authenticate",
                       "Bearer"));
    return false;
  }
  key_ = key ? *key : std::nullopt;
  if (const std::string* expect = head.header("Expect"); expect != nullptr && reader_.http_1_1()) {
    if (!same_name(*expect, "100-continue")) {
      refuse(error_response(
          417, "the only expectation understood is '100-continue': leave out the Expect header"));
      return false;
    }
    if (reader_.state() == RequestReader::State::body) {
      output_ = kContinue;
      send();
    }
  }
  return true;
}

// Takes memory for what has come of the body; answers the request when there is none left.
bool Connection::hold_body() {
  if (reader_.body_bytes() == 0) return true;
  if (share_ == nullptr) share_ = std::make_shared<MemoryShare>(service_.bodies);
  if (share_->hold(reader_.body_bytes())) return true;
  ++service_.bodies_refused;
  refuse(with_header(
      error_response(503,
                     fmt::format("the bodies of the requests that are arriving exceed {} bytes together: "
                                 "try again in a moment, or send a shorter one",
                                 service_.bodies->bytes())),
      "Retry-After", "1"));
  return false;
}

void Connection::enter(Phase phase) {
  phase_ = phase;
  const HttpServerOptions& options = service_.options;
  switch (phase) {
    case Phase::idle:
      return set_deadline(options.idle_timeout);
    case Phase::handshake:
    case Phase::head:
      return set_deadline(options.header_timeout);
    case Phase::body:
      return set_deadline(options.body_timeout);
    case Phase::answer:
    case Phase::closed:
      return set_deadline({});
    case Phase::linger:
      return set_deadline(options.linger_timeout);
  }
}

// ---- requests -> answers ----

void Connection::begin_exchange(bool keep_alive) {
  enter(Phase::answer);
  ++service_.requests;
  ++service_.requests_running;
  Framing framing;
  framing.http_1_1 = reader_.http_1_1();
  framing.keep_alive = keep_alive;
  framing.head_only = record_.method == "HEAD";
  framing.headers = std::exchange(cors_, {});
  if (record_.start == Clock::time_point{}) record_.start = Clock::now();
  // Not kept alive by its exchange, which the API may hold for long: close() and finish() detach it.
  exchange_ = std::make_shared<Exchange>(
      std::move(framing),
      std::make_unique<MemoryShare>(service_.options.answer_memory, service_.options.max_queue_bytes),
      service_.draining, [this] { post(&Connection::on_wake); });
}

void Connection::run(HttpRequest request) {
  begin_exchange(reader_.keep_alive());
  if (request.method == "OPTIONS") return exchange_->respond(service_.cors.options(request));
  if (request.method == "HEAD") request.method = "GET";
  request.peer = peer_;
  request.key = key_;
  request.share = std::move(share_);
  auto responder = Exchange::responder(exchange_);
  try {
    service_.handler(std::move(request), std::move(responder));
  } catch (const std::exception&) {
    // The responder has gone with the handler's frame, and so has answered 500.
  }
}

// Answers in place of the API. The connection ends with it: the request may not have arrived whole.
void Connection::refuse(HttpResponse response) {
  discarding_ = true;
  reader_.abandon();
  share_.reset();
  begin_exchange(false);
  exchange_->respond(std::move(response));
}

void Connection::on_wake() {
  if (phase_ != Phase::answer) return;
  if (exchange_->overflowed()) return shed();
  if (sending_) return;
  Exchange::Progress progress = exchange_->take(output_);
  if (!output_.empty()) return send();
  if (progress == Exchange::Progress::complete) return finish();
  if (progress == Exchange::Progress::broken) return close_as("broken");
}

void Connection::send() {
  sending_ = true;
  if (phase_ == Phase::answer) set_deadline(service_.options.send_timeout);
  auto rest = net::const_buffer(output_.data(), output_.size()) + sent_;
  with_stream([&](auto& stream) {
    stream.async_write_some(rest, [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
      self->on_sent(error, bytes);
    });
  });
}

void Connection::on_sent(ErrorCode error, std::size_t bytes) {
  sending_ = false;
  if (phase_ == Phase::closed) return;
  if (error) return close();
  service_.bytes_sent += static_cast<std::int64_t>(bytes);
  record_.bytes += static_cast<std::int64_t>(bytes);
  sent_ += bytes;
  if (sent_ < output_.size()) return send();
  sent_ = 0;
  if (output_.capacity() > kKeptOutputBytes) output_ = {};
  output_.clear();
  if (phase_ != Phase::answer) return;
  set_deadline({});
  on_wake();
}

void Connection::finish() {
  bool keep_alive = exchange_->keep_alive() && !service_.draining && !input_ended_;
  note("sent");
  exchange_->detach();
  exchange_.reset();
  --service_.requests_running;
  if (!keep_alive) return linger();
  admitted_ = false;
  record_ = {};
  enter(Phase::idle);
  reader_.put(std::exchange(ahead_, {}));
  advance();
  read();
}

// Closing at once could reset the connection before the client has read its answer (RFC 9112, section 9.6).
void Connection::linger() {
  if (input_ended_) return close();
  discarding_ = true;
  enter(Phase::linger);
  if (auto* tls = std::get_if<Tls>(&stream_)) {
    tls->async_shutdown([self = shared_from_this()](ErrorCode) { self->close(); });
    return;
  }
  ErrorCode ignored;
  socket().shutdown(net::socket_base::shutdown_send, ignored);
  read();
}

// The client does not read: what the kernel still holds for it is thrown away too.
void Connection::shed() {
  ++service_.clients_shed;
  ErrorCode ignored;
  socket().set_option(net::socket_base::linger(true, 0), ignored);
  close_as("shed");
}

void Connection::close() { close_as("gone"); }

void Connection::close_as(std::string_view ending) {
  if (phase_ == Phase::closed) return;
  auto self = shared_from_this();
  enter(Phase::closed);
  ErrorCode ignored;
  socket().close(ignored);
  timer_.cancel();
  std::function<void()> gone;
  if (exchange_ != nullptr) {
    note(ending);
    if (!exchange_->complete()) ++service_.clients_gone;
    gone = exchange_->detach();
    exchange_.reset();
    --service_.requests_running;
  }
  if (gone) gone();
  std::lock_guard lock(service_.mutex);
  service_.open.erase(self);
  if (service_.open.empty()) service_.all_closed.notify_all();
}

void Connection::note(std::string_view ending) {
  if (!service_.log->enabled()) return;
  service_.log->add({peer_, record_.method, record_.path, record_.user_agent, ending, exchange_->status(),
                     record_.bytes, Clock::now() - record_.start});
}

// ---- the clock ----

// The timer is left alone where it fires early enough: a deadline that moves costs nothing.
void Connection::set_deadline(std::optional<std::chrono::milliseconds> from_now) {
  deadline_ = from_now ? Clock::now() + *from_now : Clock::time_point::max();
  if (deadline_ != Clock::time_point::max() && (!armed_ || deadline_ < timer_.expiry())) arm();
}

void Connection::arm() {
  armed_ = true;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](ErrorCode error) {
    if (error || self->phase_ == Phase::closed) return;  // set anew, or of no more use
    self->armed_ = false;
    if (self->deadline_ == Clock::time_point::max()) return;
    Clock::now() < self->deadline_ ? self->arm() : self->on_deadline();
  });
}

void Connection::on_deadline() {
  const HttpServerOptions& options = service_.options;
  switch (phase_) {
    case Phase::head:
      return refuse(
          error_response(408, fmt::format("the headers took longer than {} ms to arrive: send them at once",
                                          options.header_timeout.count())));
    case Phase::body:
      return refuse(
          error_response(408, fmt::format("the body took longer than {} ms to arrive: send less, or faster",
                                          options.body_timeout.count())));
    case Phase::answer:
      return shed();
    default:
      return close();
  }
}

}  // namespace verbatim::server
