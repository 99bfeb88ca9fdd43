// TLS: the same server behind a certificate that the test makes.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <filesystem>

#include "http_fixture.h"

namespace verbatim::server {
namespace {

// A certificate that signs itself, and its key, in a folder that goes with it.
class SelfSigned {
 public:
  SelfSigned()
      : folder_(std::filesystem::temp_directory_path() / fmt::format("verbatim-tls-{}", ::getpid())) {
    std::filesystem::create_directory(folder_);
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"),
                               -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_sign(certificate, key, EVP_sha256());
    write(certificate_path(), [&](FILE* file) { PEM_write_X509(file, certificate); });
    write(key_path(),
          [&](FILE* file) { PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr); });
    client_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_verify(client_.get(), SSL_VERIFY_PEER, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(client_.get()), certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~SelfSigned() { std::filesystem::remove_all(folder_); }

  std::string certificate_path() const { return folder_ / "certificate.pem"; }
  std::string key_path() const { return folder_ / "key.pem"; }
  SSL_CTX* client() const { return client_.get(); }  // trusts it and nobody else

  HttpServerOptions options() const {
    HttpServerOptions options = on_free_port();
    options.tls_certificate = certificate_path();
    options.tls_key = key_path();
    return options;
  }

 private:
  template <class Write>
  static void write(const std::string& path, Write write_to) {
    FILE* file = std::fopen(path.c_str(), "w");
    write_to(file);
    std::fclose(file);
  }
  std::filesystem::path folder_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> client_{nullptr, SSL_CTX_free};
};

TEST(HttpTls, RequestsAndStreamsAreServed) {
  SelfSigned identity;
  Inbox inbox;
  auto server = start(identity.options(), inbox.handler());
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
  auto server = start(identity.options(), inbox.handler());
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
  auto server = start(identity.options(), echo);
  Client client(server->port(), identity.client());
  client.get("/", "Connection: close\r\n");
  EXPECT_EQ(client.read().status, 200);
  ERR_clear_error();
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(ERR_peek_error(), 0u) << ERR_reason_error_string(ERR_peek_error());  // no "unexpected eof"
}

TEST(HttpTls, AStalledHandshakeIsEnded) {
  SelfSigned identity;
  HttpServerOptions options = identity.options();
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
  auto server = start(identity.options(), echo);
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
