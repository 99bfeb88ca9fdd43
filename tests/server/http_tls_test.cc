// TLS: the same server behind a certificate that the test makes.
#include <gtest/gtest.h>
#include <openssl/err.h>

#include "http_fixture.h"
#include "self_signed.h"

namespace verbatim::server {
namespace {

HttpServerOptions options_with(const SelfSigned& identity) {
  HttpServerOptions options = on_free_port();
  options.tls_certificate = identity.certificate_path();
  options.tls_key = identity.key_path();
  return options;
}

TEST(HttpTls, RequestsAndStreamsAreServed) {
  SelfSigned identity;
  Inbox inbox;
  auto server = start(options_with(identity), inbox.handler());
  Client client(server->port(), identity.client());
  ASSERT_TRUE(client.connected());
  for (int i = 0; i < 3; ++i) {
    client.post("/", std::string(100'000, 'b'));
    ReceivedCall call = inbox.next();
    EXPECT_EQ(call.request.body.size(), 100'000u);
    call.responder->respond(text(std::string(1'000'000, 'r')));
    EXPECT_EQ(client.read().body.size(), 1'000'000u);
    client.get("/");
    call = inbox.next();
    call.responder->begin_stream({200, {}, ""});
    for (int piece = 0; piece < 100; ++piece) call.responder->write("0123456789");
    call.responder->end();
    ClientResponse response = client.read();
    EXPECT_TRUE(response.whole);
    EXPECT_EQ(response.body.size(), 1000u);
  }
}

TEST(HttpTls, AClientThatGoesIsNoticed) {
  SelfSigned identity;
  Inbox inbox;
  Event gone;
  auto server = start(options_with(identity), inbox.handler());
  for (int way = 0; way < 3; ++way) {
    Client client(server->port(), identity.client());
    client.get("/");
    ReceivedCall call = inbox.next();
    call.responder->on_gone([&] { gone.happen(); });
    if (way == 0) client.reset();
    if (way == 1) client.close();
    if (way == 2) client.end_sending();
    EXPECT_EQ(gone.wait(way + 1), way + 1);
  }
}

TEST(HttpTls, AConnectionEndsWithCloseNotify) {
  SelfSigned identity;
  auto server = start(options_with(identity), echo);
  Client client(server->port(), identity.client());
  client.get("/", "Connection: close\r\n");
  EXPECT_EQ(client.read().status, 200);
  ERR_clear_error();
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(ERR_peek_error(), 0u) << ERR_reason_error_string(ERR_peek_error());  // no "unexpected eof"
}

TEST(HttpTls, AStalledHandshakeIsEnded) {
  SelfSigned identity;
  HttpServerOptions options = options_with(identity);
  options.header_timeout = std::chrono::milliseconds(100);
  auto server = start(options, echo);
  Client silent(server->port()), plain(server->port());
  plain.get("/");
  EXPECT_NE(plain.read().status, 200);
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(server->wait_until_idle(std::chrono::minutes(1)));
}

TEST(HttpTls, OldVersionsAreRefused) {
  SelfSigned identity;
  auto server = start(options_with(identity), echo);
  SSL_CTX_set_max_proto_version(identity.client(), TLS1_1_VERSION);
  SSL_CTX_set_security_level(identity.client(), 0);
  EXPECT_FALSE(Client(server->port(), identity.client()).connected());
}

TEST(HttpTls, FilesThatCannotBeUsedAreNamed) {
  SelfSigned identity;
  auto refusal = [&](std::string certificate, std::string key) {
    HttpServerOptions options = on_free_port();
    options.tls_certificate = std::move(certificate);
    options.tls_key = std::move(key);
    auto server = HttpServer::create(options, echo);
    return server ? "accepted" : server.error().message;
  };
  EXPECT_PRED2(contains, refusal("/nowhere.pem", identity.key_path()), "/nowhere.pem");
  EXPECT_PRED2(contains, refusal(identity.certificate_path(), "/nowhere.pem"), "/nowhere.pem");
  EXPECT_PRED2(contains, refusal(identity.key_path(), identity.key_path()), "certificate chain");
  EXPECT_PRED2(contains, refusal(identity.certificate_path(), identity.certificate_path()), "private key");

  std::string other = identity.key_path() + ".other";
  EVP_PKEY* key = EVP_EC_gen("P-256");
  FILE* file = std::fopen(other.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  EVP_PKEY_free(key);
  EXPECT_PRED2(contains, refusal(identity.certificate_path(), other), other);
}

}  // namespace
}  // namespace verbatim::server
