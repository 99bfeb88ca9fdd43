// Channel over TLS, against our own transport: what it trusts, what it refuses and says.
#include "client/channel.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/error.hpp>
#include <cstdlib>

#include "server/http_fixture.h"
#include "server/self_signed.h"

namespace verbatim::client {
namespace {

using server::contains;
namespace net = boost::asio;

// The status and body of an answer, or the problem.
std::string asked(const std::string& url, const std::string& path, int times = 1,
                  std::chrono::milliseconds timeout = std::chrono::minutes(1)) {
  Peer peer(*parse_url(url), "the key");
  net::io_context context(1);
  std::string said;
  auto ask = [&]() -> net::awaitable<void> {
    Channel channel(peer, context.get_executor());
    try {
      for (int i = 0; i < times; ++i) {
        channel.expires_after(timeout);
        HttpRequest request = peer.post(path, "{}");
        co_await channel.ask(request);
        std::string body = co_await channel.read_all();
        said = fmt::format("{} {}", channel.status(), body);
      }
    } catch (const boost::system::system_error& error) {
      said = error.code() == boost::beast::error::timeout ? "timeout" : channel.problem(error);
    }
  };
  net::co_spawn(context, ask(), net::detached);
  context.run();
  return said;
}

TEST(Channel, TrustsWhatTheSystemTrustsAndNothingElse) {
  server::SelfSigned identity;
  server::HttpServerOptions options = server::on_free_port();
  options.tls_certificate = identity.certificate_path();
  options.tls_key = identity.key_path();
  auto secure = server::start(options, server::echo);
  std::string url = fmt::format("https://localhost:{}/base/v1", secure->port());
  EXPECT_PRED2(contains, asked(url, "/v1/models"), "its certificate is not trusted: self-signed certificate");

  ::setenv("SSL_CERT_FILE", identity.certificate_path().c_str(), 1);
  EXPECT_EQ(asked(url, "/v1/models", 3), "200 POST /base/v1/models  {}");
  EXPECT_EQ(secure->stats().connections, 2) << "one was refused, one served three requests";
  std::string other = fmt::format("https://127.0.0.1:{}", secure->port());
  EXPECT_PRED2(contains, asked(other, "/v1/models"), "not trusted") << "the certificate names localhost";
  ::unsetenv("SSL_CERT_FILE");
}

TEST(Channel, SendsTheKeyAndTheHost) {
  auto plain = server::start(
      server::on_free_port(), [](server::HttpRequest request, std::shared_ptr<server::Responder> responder) {
        responder->respond(server::text(*request.header("Authorization") + " " + *request.header("Host")));
      });
  std::string authority = fmt::format("127.0.0.1:{}", plain->port());
  EXPECT_EQ(asked("http://" + authority, "/"), "200 Bearer the key " + authority);
}

TEST(Channel, DoesNotWaitForEver) {
  server::Inbox inbox;
  auto silent = server::start(server::on_free_port(), inbox.handler());
  EXPECT_EQ(asked(fmt::format("http://127.0.0.1:{}", silent->port()), "/", 1, std::chrono::milliseconds(20)),
            "timeout");
}

TEST(Channel, DoesNotReadForEver) {
  auto chatty = server::start(server::on_free_port(),
                              [](const server::HttpRequest&, std::shared_ptr<server::Responder> responder) {
                                responder->respond(server::text(std::string(kMostBodyBytes + 1, 'x')));
                              });
  EXPECT_EQ(asked(fmt::format("http://127.0.0.1:{}", chatty->port()), "/"), "body limit exceeded");
}

}  // namespace
}  // namespace verbatim::client
