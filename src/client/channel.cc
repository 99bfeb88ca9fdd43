#include "client/channel.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <utility>

#include "json/json.h"
#include "json/reader.h"

namespace verbatim::client {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using net::use_awaitable;

Peer::Peer(Url url, std::string api_key) : url_(std::move(url)), api_key_(std::move(api_key)) {
  if (!url_.secure) return;
  tls_.emplace(net::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(tls_->native_handle(), TLS1_2_VERSION);
  tls_->set_default_verify_paths();
  tls_->set_verify_mode(net::ssl::verify_peer);
}

HttpRequest Peer::request(http::verb verb, const std::string& path) const {
  HttpRequest made(verb, url_.path + path, 11);
  made.set(http::field::host, url_.authority());
  made.set(http::field::user_agent, "verbatim");
  if (!api_key_.empty()) made.set(http::field::authorization, "Bearer " + api_key_);
  return made;
}

HttpRequest Peer::get(const std::string& path) const { return request(http::verb::get, path); }

HttpRequest Peer::post(const std::string& path, std::string json) const {
  HttpRequest made = request(http::verb::post, path);
  made.set(http::field::content_type, "application/json");
  made.body() = std::move(json);
  made.prepare_payload();
  return made;
}

Channel::Channel(Peer& peer, net::any_io_executor executor, std::size_t read_bytes)
    : peer_(peer), executor_(std::move(executor)) {
  buffer_.reserve(read_bytes);
}

void Channel::expires_after(std::chrono::steady_clock::duration timeout) {
  deadline_ = std::chrono::steady_clock::now() + timeout;
}

net::awaitable<void> Channel::ask(const HttpRequest& request) {
  if (connected()) {
    try {
      co_return co_await exchange(request);
    } catch (const boost::system::system_error& error) {
      drop();
      if (error.code() == beast::error::timeout) throw;
    }
  }
  co_await connect();
  co_await exchange(request);
}

std::string Channel::header(const std::string& name) const {
  auto found = parser_->get().find(name);
  return found == parser_->get().end() ? "" : std::string(found->value());
}

net::awaitable<std::optional<std::string>> Channel::read() {
  for (;;) {
    boost::system::error_code error;  // need_more: the buffer holds no whole part
    while (!error && buffer_.size() > 0 && !parser_->is_done()) {
      buffer_.consume(parser_->put(buffer_.data(), error));
    }
    if (error && error != http::error::need_more) throw boost::system::system_error(error);
    if (!parser_->get().body().empty()) co_return std::exchange(parser_->get().body(), {});
    if (parser_->is_done()) break;
    co_await on_stream(
        [&](auto& stream) { return http::async_read_some(stream, buffer_, *parser_, use_awaitable); });
  }
  if (!parser_->keep_alive()) drop();
  co_return std::nullopt;
}

net::awaitable<std::string> Channel::read_all() {
  std::string body;
  while (auto piece = co_await read()) body += *piece;
  co_return body;
}

void Channel::drop() {
  plain_.reset();
  secure_.reset();
}

std::string Channel::problem(const boost::system::system_error& error) const {
  return distrust_.empty() ? error.code().message() : "its certificate is not trusted: " + distrust_;
}

net::awaitable<void> Channel::connect() {
  drop();
  distrust_.clear();
  const Url& url = peer_.url();
  net::ip::tcp::resolver resolver(executor_);
  auto found = co_await resolver.async_resolve(url.host, url.port, use_awaitable);
  if (peer_.tls() == nullptr) {
    plain_.emplace(executor_);
  } else {
    secure_.emplace(executor_, *peer_.tls());
  }
  if (deadline_) socket().expires_at(*deadline_);
  try {
    co_await socket().async_connect(found, use_awaitable);
    socket().socket().set_option(net::ip::tcp::no_delay(true));
    buffer_.clear();
    if (!secure_) co_return;
    boost::system::error_code no_address;
    net::ip::make_address(url.host, no_address);
    if (no_address)
      SSL_set_tlsext_host_name(secure_->native_handle(), url.host.c_str());  // RFC 6066, section 3
    secure_->set_verify_callback(net::ssl::host_name_verification(url.host));
    co_await secure_->async_handshake(net::ssl::stream_base::client, use_awaitable);
  } catch (const boost::system::system_error&) {
    long verified = secure_ ? SSL_get_verify_result(secure_->native_handle()) : X509_V_OK;
    if (verified != X509_V_OK) distrust_ = X509_verify_cert_error_string(verified);
    drop();
    throw;
  }
}

net::awaitable<void> Channel::exchange(const HttpRequest& request) {
  if (deadline_) socket().expires_at(*deadline_);
  co_await on_stream([&](auto& stream) { return http::async_write(stream, request, use_awaitable); });
  parser_.emplace();
  parser_->body_limit(kMostBodyBytes);
  co_await on_stream(
      [&](auto& stream) { return http::async_read_header(stream, buffer_, *parser_, use_awaitable); });
}

net::awaitable<Result<std::string>> find_model(Channel& channel, const Peer& peer, std::string wanted) {
  try {
    co_await channel.ask(peer.get("/v1/models"));
    std::string body = co_await channel.read_all();
    if (channel.status() != 200) {
      co_return fail("/v1/models answers {}: {}", channel.status(), body.substr(0, 300));
    }
    if (!wanted.empty()) co_return wanted;
    auto models = parse_json(body, "not JSON");
    if (!models) co_return fail("/v1/models answers what is {}", models.error().message);
    co_return models->at("data").at(0).at("id").get<std::string>();
  } catch (const nlohmann::json::exception& error) {
    co_return fail("/v1/models names no model ({}): name one with --served-model-name",
                   json_complaint(error));
  } catch (const boost::system::system_error& error) {
    co_return fail("{}:{} cannot be asked: {}", peer.url().host, peer.url().port, channel.problem(error));
  }
}

}  // namespace verbatim::client
