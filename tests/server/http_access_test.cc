// Who may ask: API keys, pages of other origins; and what the access log says of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "http_fixture.h"
#include "json/library.h"
#include "server/access_log.h"

namespace verbatim::server {
namespace {

ClientResponse ask(HttpServer& server, std::string_view method, std::string_view path,
                   std::string_view headers) {
  Client client(server.port());
  client.send(fmt::format("{} {} HTTP/1.1\r\nHost: x\r\n{}\r\n", method, path, headers));
  return client.read();
}

TEST(ApiKeys, OnlyTheRightKeyOpens) {
  HttpServerOptions options = on_free_port();
  options.api_keys = {"first-key", "second-key"};
  auto server = start(options, echo);
  auto status = [&](std::string_view headers, std::string_view path = "/v1/models") {
    return ask(*server, "GET", path, headers).status;
  };
  EXPECT_EQ(status("Authorization: Bearer first-key\r\n"), 200);
  EXPECT_EQ(status("authorization: bearer second-key\r\n"), 200);
  EXPECT_EQ(status(""), 401);
  for (const char* wrong :
       {"Bearer first-ke", "Bearer first-keyy", "Bearer FIRST-KEY", "Bearer ", "Bearer", "Basic first-key",
        "first-key", "Bearer  first-key", "Bearer first-key second-key"}) {
    EXPECT_EQ(status(fmt::format("Authorization: {}\r\n", wrong)), 401) << wrong;
  }
  for (const char* open : {"/health", "/ready", "/metrics", "/version"})
    EXPECT_EQ(status("", open), 200) << open;
  for (const char* closed : {"/health/", "/healthz", "/", "//health"})
    EXPECT_EQ(status("", closed), 401) << closed;
  EXPECT_EQ(status("", "/%68ealth"), 200) << "paths are compared as the API sees them";

  ClientResponse refusal = ask(*server, "GET", "/v1/models", "");
  EXPECT_EQ(refusal.header("WWW-Authenticate"), "Bearer");
  auto error = nlohmann::json::parse(refusal.body).at("error");
  EXPECT_EQ(error.at("code"), "invalid_api_key");
  EXPECT_PRED2(contains, error.at("message").get<std::string>(), "Authorization: Bearer KEY");
}

TEST(ApiKeys, TheHandlerLearnsWhichKeyWasShown) {
  HttpServerOptions options = on_free_port();
  options.api_keys = {"first-key", "second-key"};
  auto server = start(options, [](const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
    responder->respond({200, {}, request.key ? fmt::format("key {}", *request.key) : "none"});
  });
  EXPECT_EQ(ask(*server, "GET", "/", "Authorization: Bearer second-key\r\n").body, "key 1");
  EXPECT_EQ(ask(*server, "GET", "/", "Authorization: Bearer first-key\r\n").body, "key 0");
  EXPECT_EQ(ask(*server, "GET", "/health", "Authorization: Bearer first-key\r\n").body, "none");
}

TEST(ApiKeys, ARequestWithoutAKeyIsRefusedBeforeItsBody) {
  HttpServerOptions options = on_free_port();
  options.api_keys = {"key"};
  auto server = start(options, echo);
  Client client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read().status, 401);
}

// Else clients without a key could fill the memory for bodies.
TEST(ApiKeys, WhatTakesNoKeyTakesNoBody) {
  HttpServerOptions options = on_free_port();
  options.api_keys = {"key"};
  Inbox inbox;
  auto server = start(options, inbox.handler());
  for (const char* line :
       {"OPTIONS /v1/completions", "OPTIONS *", "GET /health", "POST /version", "GET /metrics"})
    for (const char* body : {"Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n"}) {
      Client client(server->port());
      client.send(fmt::format("{} HTTP/1.1\r\nHost: x\r\n{}\r\n", line, body));
      const ClientResponse refused = client.read();
      EXPECT_EQ(refused.status, 413) << line;
      EXPECT_PRED2(contains, refused.body, "takes no body");
    }
  EXPECT_EQ(server->stats().body_bytes_held, 0);
  EXPECT_EQ(ask(*server, "OPTIONS", "/", "Content-Length: 0\r\n").status, 204);
  EXPECT_TRUE(inbox.empty());
}

TEST(ApiKeys, MetricsAreOpenOnLoopbackOrByFlag) {
  for (const bool loopback : {true, false})
    for (const bool open : {true, false}) {
      HttpServerOptions options = on_free_port();
      options.host = loopback ? "127.0.0.1" : "0.0.0.0";
      options.open_metrics = open;
      options.api_keys = {"key"};
      auto server = start(options, echo);
      EXPECT_EQ(ask(*server, "GET", "/metrics", "").status, loopback || open ? 200 : 401);
      EXPECT_EQ(ask(*server, "GET", "/metrics", "Authorization: Bearer key\r\n").status, 200);
    }
}

int status_of_host(HttpServer& server, std::string_view host, std::string_view origin = "") {
  Client client(server.port());
  std::string more = origin.empty() ? "" : fmt::format("Origin: {}\r\n", origin);
  client.send(fmt::format("GET / HTTP/1.1\r\nHost: {}\r\n{}\r\n", host, more));
  return client.read().status;
}

// A page's name that was made to mean 127.0.0.1.
TEST(AllowedHosts, OnLoopbackOnlyKnownNamesAreServed) {
  HttpServerOptions options = on_free_port();
  options.allowed_hosts = {"llm.example"};
  auto server = start(options, echo);
  for (const char* own : {"localhost", "LocalHost:8000", "127.0.0.1:1", "[::1]", "[::1]:8000", "llm.example",
                          "llm.example:443"})
    EXPECT_EQ(status_of_host(*server, own), 200) << own;
  for (const char* other :
       {"evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example",
        "a@localhost", "llm.example.evil", "localhost:80:90", "::1"})
    EXPECT_EQ(status_of_host(*server, other), 403) << other;
  options.host = "0.0.0.0";
  EXPECT_EQ(status_of_host(*start(options, echo), "any.example"), 200);
}

TEST(Cors, PagesOfOtherOriginsAreRefusedAndOwnOnesAreNot) {
  HttpServerOptions options = on_free_port();
  options.cors_origins = {"https://a.example"};
  auto server = start(options, echo);
  EXPECT_EQ(status_of_host(*server, "localhost:8000", "http://localhost:8000"), 200);
  EXPECT_EQ(status_of_host(*server, "localhost:8000", "https://localhost:8000"), 200) << "behind a proxy";
  EXPECT_EQ(status_of_host(*server, "localhost", "https://a.example"), 200);
  for (const char* foreign :
       {"https://b.example", "http://localhost:3000", "null", "http://localhost.evil", "x"})
    EXPECT_EQ(status_of_host(*server, "localhost:8000", foreign), 403) << foreign;
}

constexpr std::string_view kPreflight =
    "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,x-stainless-os\r\n";

TEST(Cors, WithoutOriginsNoPageMayCall) {
  auto server = start(on_free_port(), echo);
  std::string headers = "Origin: https://a.example\r\n";
  EXPECT_EQ(ask(*server, "GET", "/", headers).header("Access-Control-Allow-Origin"), "");
  ClientResponse preflight = ask(*server, "OPTIONS", "/", headers + std::string(kPreflight));
  EXPECT_EQ(preflight.status, 403);
  EXPECT_PRED2(contains, preflight.body, "https://a.example");
}

TEST(Cors, ListedOriginsMayCall) {
  HttpServerOptions options = on_free_port();
  options.cors_origins = {"https://a.example", "http://localhost:3000"};
  options.api_keys = {"key"};
  auto server = start(options, echo);
  for (const std::string& origin : options.cors_origins) {
    std::string headers = "Origin: " + origin + "\r\n";
    ClientResponse preflight = ask(*server, "OPTIONS", "/v1/models", headers + std::string(kPreflight));
    EXPECT_EQ(preflight.status, 204) << "a preflight carries no key";
    EXPECT_EQ(preflight.header("Access-Control-Allow-Origin"), origin);
    EXPECT_EQ(preflight.header("Access-Control-Allow-Headers"), "authorization,x-stainless-os");
    EXPECT_PRED2(contains, preflight.header("Access-Control-Allow-Methods"), "POST");
    ClientResponse refused = ask(*server, "GET", "/", headers);
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.header("Access-Control-Allow-Origin"), origin)
        << "a page must be able to read its error";
    EXPECT_EQ(refused.header("Vary"), "Origin");
  }
  ClientResponse other =
      ask(*server, "OPTIONS", "/", "Origin: https://b.example\r\n" + std::string(kPreflight));
  EXPECT_EQ(other.status, 403);
  EXPECT_EQ(other.header("Access-Control-Allow-Origin"), "");
}

TEST(Cors, AnyOriginMayCall) {
  HttpServerOptions options = on_free_port();
  options.cors_origins = {"*"};
  auto server = start(options, echo);
  std::string headers = "Origin: https://a.example\r\n";
  EXPECT_EQ(ask(*server, "GET", "/", headers).header("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(ask(*server, "OPTIONS", "/", headers + std::string(kPreflight)).status, 204);
}

class AccessLogFile {
 public:
  AccessLogFile()
      : path_(std::filesystem::temp_directory_path() / fmt::format("verbatim-access-{}.log", ::getpid())) {
    std::filesystem::remove(path_);
  }
  ~AccessLogFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }
  std::vector<std::string> lines() const {
    std::ifstream in(path_);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

 private:
  std::filesystem::path path_;
};

TEST(AccessLog, OneLineForEachRequestWithoutSecrets) {
  AccessLogFile file;
  HttpServerOptions options = on_free_port();
  options.access_log = file.path();
  options.api_keys = {"sk-secret"};
  Inbox inbox;
  auto server = start(options, inbox.handler());
  {
    Client client(server->port());
    client.post("/v1/completions?key=sk-secret", "text of a user",
                "Authorization: Bearer sk-secret\r\nUser-Agent: Tester/1 \"quoted\" " +
                    std::string(200, 'x') + "\r\n");
    inbox.next().responder->respond(text("hello", 201));
    EXPECT_EQ(client.read().status, 201);
    client.send("HEAD /a%20%22%C3%A4 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong-secret\r\n\r\n");
    EXPECT_EQ(client.read(true).status, 401);
  }
  {
    Client client(server->port());
    client.send("nonsense\r\n\r\n");
    EXPECT_EQ(client.read().status, 400);
  }
  {
    Client client(server->port());
    client.get("/health");
    ReceivedCall call = inbox.next();
    client.close();
    EXPECT_TRUE(server->wait_until_idle(std::chrono::minutes(1)));
  }
  EXPECT_EQ(server->stats().log_lines_lost, 0);
  server.reset();  // writes what is queued

  std::vector<std::string> lines = file.lines();
  ASSERT_EQ(lines.size(), 4u);
  const std::string time = R"(^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z )";
  const std::string peer = R"(127\.0\.0\.1:[0-9]+ )", seconds = R"( [0-9]+ [0-9]+\.[0-9]{3} )";
  EXPECT_PRED2(matches, lines[0], time + peer + "POST /v1/completions 201" + seconds + "sent");
  EXPECT_PRED2(contains, lines[0], "\"Tester/1 ?quoted? xxx");
  EXPECT_LT(lines[0].size(), 200u);
  EXPECT_PRED2(matches, lines[1], "HEAD /a\\?\\?\\?\\? 401" + seconds + "sent \"-\"$");
  EXPECT_PRED2(matches, lines[2], "- - 400" + seconds + "sent");
  EXPECT_PRED2(matches, lines[3], "GET /health 0 0 [0-9]+\\.[0-9]{3} gone");
  for (const std::string& line : lines) EXPECT_PRED2(lacks, line, "secret");
}

// The log goes into a pipe that nobody reads for a while.
TEST(AccessLog, ADiskThatStallsCostsLinesAndNoTime) {
  constexpr int kLines = 30'000;
  AccessLogFile file;
  ASSERT_EQ(::mkfifo(file.path().c_str(), 0600), 0);
  int reader = ::open(file.path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  auto log = AccessLog::create(file.path());
  ASSERT_TRUE(log.ok()) << log.error().message;
  for (int i = 0; i < kLines; ++i) (*log)->add({"127.0.0.1:1", "GET", "/", "agent", "sent", 200, 5, {}});
  std::int64_t lost = (*log)->lines_lost();
  EXPECT_GT(lost, kLines - static_cast<int>(AccessLog::kQueuedLines) - 5000)
      << "a pipe holds 64 KiB of lines";

  ::fcntl(reader, F_SETFL, 0);
  std::int64_t written = 0;
  std::thread drain([&] {
    char buffer[65536];
    for (ssize_t n; (n = ::read(reader, buffer, sizeof buffer)) > 0;)
      written += std::count(buffer, buffer + n, '\n');
  });
  *log = nullptr;  // writes what is queued
  drain.join();
  ::close(reader);
  EXPECT_EQ(written + lost, kLines);
}

}  // namespace
}  // namespace verbatim::server
