// Requests that are too large, too slow, too many, or no requests at all: each is answered, and concerns nobody else.
#include <gtest/gtest.h>

#include "http_fixture.h"
#include "json/library.h"

namespace verbatim::server {
namespace {

// The form of errors that clients of the API read, and the end of the connection.
void expect_refusal(Client& client, int status, std::string_view sentence) {
  ClientResponse response = client.read();
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(response.header("Connection"), "close");
  auto error = nlohmann::json::parse(response.body).at("error");
  EXPECT_NE(error.at("message").get<std::string>().find(sentence), std::string::npos) << response.body;
  EXPECT_TRUE(error.contains("type") && error.contains("param") && error.contains("code")) << response.body;
  EXPECT_TRUE(client.ended());
}

TEST(HttpLimits, RefusesInTheFormOfTheApi) {
  HttpServerOptions options = on_free_port();
  options.max_body_bytes = 1000;
  options.max_header_bytes = 1000;
  auto server =
      start(options, [](HttpRequest, std::shared_ptr<Responder>) { FAIL() << "must not be called"; });
  struct Refused {
    std::string bytes;
    int status;
    const char* sentence;
  };
  const Refused kRefused[] = {
      {"nonsense\r\n\r\n", 400, "not valid HTTP/1.1"},
      {"GET / HTTP/1.1\r\n\r\n", 400, "exactly one Host"},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(1000, 'a'), 431, "1000 bytes"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", 413, "1000 bytes"},
      {"POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", 417, "Expect"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", 400, "body is not valid"},
  };
  for (const Refused& refused : kRefused) {
    Client client(server->port());
    client.send(refused.bytes);
    expect_refusal(client, refused.status, refused.sentence);
  }
}

// The client is still sending when it is refused; the answer must reach it all the same.
TEST(HttpLimits, ARefusalReachesAClientThatKeepsSending) {
  HttpServerOptions options = on_free_port();
  options.max_body_bytes = 1000;
  auto server = start(options, echo);
  for (int i = 0; i < 20; ++i) {
    Client client(server->port());
    client.post("/", std::string(1 << 20, 'x'));
    expect_refusal(client, 413, "1000 bytes");
  }
}

// What all clients together may have sent of bodies that nobody has read yet.
TEST(HttpLimits, BodiesTogetherHaveALimit) {
  HttpServerOptions options = on_free_port();
  options.max_body_bytes = 1000;
  options.max_total_body_bytes = 1500;
  Inbox inbox;
  auto server = start(options, inbox.handler());
  auto holds = [&](std::int64_t bytes) {
    return eventually([&] { return server->stats().body_bytes_held == bytes; });
  };
  Client announced(server->port());  // has sent nothing of it yet
  announced.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
  Client half(server->port());
  half.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + std::string(900, 'x'));
  ASSERT_TRUE(holds(900));
  std::string chunk = "2bc\r\n" + std::string(700, 'x') + "\r\n0\r\n\r\n";
  for (const std::string& request :
       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 700\r\n\r\n" + std::string(700, 'x'),
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk}) {
    Client late(server->port());
    late.send(request);
    ClientResponse response = late.read();
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.header("Retry-After"), "1");
    EXPECT_PRED2(contains, response.body, "exceed 1500 bytes together");
    EXPECT_TRUE(late.ended());
  }
  EXPECT_EQ(server->stats().bodies_refused, 2);
  EXPECT_TRUE(holds(900)) << "the refused ones hold nothing";

  half.send(std::string(100, 'x'));
  ReceivedCall call = inbox.next();
  EXPECT_EQ(call.request.body.size(), 1000u);
  EXPECT_TRUE(holds(1000)) << "until the API has read it";
  Client small(server->port());
  small.post("/", std::string(500, 'x'));
  inbox.next().responder->respond(text("there was room"));
  EXPECT_EQ(small.read().body, "there was room");
  call.responder->respond(text("read"));
  EXPECT_EQ(half.read().body, "read");
  call = {};
  EXPECT_TRUE(holds(0));

  announced.send(std::string(900, 'x'));
  ASSERT_TRUE(holds(900));
  announced.reset();
  EXPECT_TRUE(holds(0)) << "a client that goes gives back what it held";
}

TEST(HttpLimits, SlowHeadersAndBodiesAreRefused) {
  HttpServerOptions options = on_free_port();
  options.header_timeout = options.body_timeout = std::chrono::milliseconds(300);
  auto server = start(options, echo);
  Client headers(server->port()), body(server->port());
  headers.send("GET / HTTP/1.1\r\nHost:");
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na");
  expect_refusal(headers, 408, "headers took longer than 300 ms");
  expect_refusal(body, 408, "body took longer than 300 ms");
}

TEST(HttpLimits, IdleConnectionsCloseInSilence) {
  HttpServerOptions options = on_free_port();
  options.header_timeout = options.idle_timeout = std::chrono::milliseconds(300);
  auto server = start(options, echo);
  Client never(server->port()), once(server->port());
  once.get("/");
  EXPECT_EQ(once.read().status, 200);
  EXPECT_TRUE(never.ended());
  EXPECT_TRUE(once.ended());
  EXPECT_TRUE(server->wait_until_idle(std::chrono::minutes(1)));
}

TEST(HttpLimits, OneConnectionTooManyIsToldSo) {
  HttpServerOptions options = on_free_port();
  options.max_connections = 2;
  auto server = start(options, echo);
  std::vector<Client> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back(server->port());
    clients.back().get("/");
    EXPECT_EQ(clients.back().read().status, 200);
  }
  Client late(server->port());
  late.get("/");
  ClientResponse response = late.read();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.header("Retry-After"), "1");
  EXPECT_TRUE(late.ended());
  EXPECT_EQ(server->stats().connections_refused, 1);

  late.close();
  clients.clear();
  ASSERT_TRUE(server->wait_until_idle(std::chrono::minutes(1)));
  Client again(server->port());
  again.get("/");
  EXPECT_EQ(again.read().status, 200);
}

}  // namespace
}  // namespace verbatim::server
