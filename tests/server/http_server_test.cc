// HttpServer: one request after another on a connection, and what it does with requests that are too large, too
// slow or not allowed.
#include "server/http_server.h"

#include <gtest/gtest.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "http_fixture.h"

namespace verbatim::server {
namespace {

TEST(HttpServer, AnswersRequestAfterRequestOnOneConnection) {
  auto server = start(on_free_port(), echo);
  Client client(server->port());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.post(fmt::format("/a%20b?n={}", i), "body"));
    ClientResponse response = client.read();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, fmt::format("POST /a b n={} body", i));
    EXPECT_EQ(response.header("Content-Type"), "text/plain");
    EXPECT_EQ(response.header("Connection"), "");
    EXPECT_EQ(response.header("Date").size(), std::string("Sun, 06 Nov 1994 08:49:37 GMT").size());
  }
  HttpStats stats = server->stats();
  EXPECT_EQ(stats.connections, 1);
  EXPECT_EQ(stats.requests, 100);
  EXPECT_EQ(stats.clients_gone, 0);
}

TEST(HttpServer, PipelinedRequestsAreHandledOneAtATimeInTheirOrder) {
  Inbox inbox;
  auto server = start(on_free_port(), inbox.handler());
  Client client(server->port());
  constexpr int kRequests = 2000;  // more than is read ahead
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += fmt::format("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", i);
  std::thread sender([&] { EXPECT_TRUE(client.send(requests)); });
  for (int i = 0; i < kRequests; ++i) {
    ReceivedCall call = inbox.next();
    EXPECT_EQ(call.request.path, fmt::format("/{}", i));
    EXPECT_TRUE(inbox.empty()) << "a second request while one is unanswered";
    call.responder->respond(text(call.request.path));
  }
  sender.join();
  for (int i = 0; i < kRequests; ++i) ASSERT_EQ(client.read().body, fmt::format("/{}", i));
}

// The form of an answer is that of its own request, not of one that has come behind it.
TEST(HttpServer, APipelinedRequestDoesNotChangeTheAnswerBeforeIt) {
  auto server = start(on_free_port(), echo);
  Client client(server->port());
  client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read().body, "GET /1  ");
  EXPECT_EQ(client.read(true).header("Connection"), "");
  ClientResponse last = client.read();
  EXPECT_EQ(last.body, "GET /3  ");
  EXPECT_EQ(last.header("Connection"), "close");
}

TEST(HttpServer, RequestsMayArriveByteByByte) {
  auto server = start(on_free_port(), echo);
  Client client(server->port());
  std::string request =
      "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (int i = 0; i < 3; ++i) {
    for (char byte : request) ASSERT_TRUE(client.send({&byte, 1}));
    EXPECT_EQ(client.read().body, "POST /x  abc");
  }
}

TEST(HttpServer, AnswersMayComeLaterFromAnyThread) {
  Inbox inbox;
  auto server = start(on_free_port(), inbox.handler());
  std::thread api([&] {
    for (int i = 0; i < 50; ++i) {
      ReceivedCall call = inbox.next();
      call.responder->respond(text(call.request.body));
    }
  });
  Client client(server->port());
  for (int i = 0; i < 50; ++i) {
    client.post("/", fmt::to_string(i));
    EXPECT_EQ(client.read().body, fmt::to_string(i));
  }
  api.join();
}

TEST(HttpServer, LargeBodiesTravelBothWays) {
  auto server = start(on_free_port(), echo);
  Client client(server->port());
  std::string body(10 << 20, 'x');
  for (std::size_t i = 0; i < body.size(); i += 997) body[i] = static_cast<char>('a' + i % 26);
  std::thread sender([&] { EXPECT_TRUE(client.post("/", body)); });
  ClientResponse response = client.read();
  sender.join();
  EXPECT_TRUE(response.body == "POST /  " + body);
}

TEST(HttpServer, HeadIsGetWithoutABody) {
  auto server = start(on_free_port(), echo);
  Client client(server->port());
  for (int i = 0; i < 2; ++i) {
    client.send("HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
    ClientResponse response = client.read(true);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("Content-Length"), fmt::to_string(std::string("GET /x  ").size()));
  }
}

TEST(HttpServer, OptionsSaysWhatIsAllowed) {
  auto server = start(on_free_port(), echo);
  Client client(server->port());
  client.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  ClientResponse response = client.read();
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.header("Allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(client.read().body, "GET /next  ");
}

TEST(HttpServer, ConnectionsCloseForOldClientsAndThoseThatAskForIt) {
  auto server = start(on_free_port(), echo);
  for (const char* request : {"GET /x HTTP/1.0\r\n\r\n", "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                              "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"}) {
    Client client(server->port());
    client.send(request);
    ClientResponse response = client.read();
    EXPECT_EQ(response.body, "GET /x  ");
    EXPECT_EQ(response.header("Connection"), "close");
    EXPECT_TRUE(client.ended());
  }
}

TEST(HttpServer, ABodyIsAskedForWhenTheClientWaitsForThat) {
  auto server = start(on_free_port(), echo);
  Client client(server->port());
  for (int i = 0; i < 2; ++i) {
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read().status, 100);
    client.send("ab");
    EXPECT_EQ(client.read().body, "POST /  ab");
  }
  client.post("/", "ab", "Expect: 100-continue\r\n");  // sent at once after all
  ClientResponse response = client.read();
  if (response.status == 100) response = client.read();
  EXPECT_EQ(response.body, "POST /  ab");
}

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

TEST(HttpServer, RefusesInTheFormOfTheApi) {
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
TEST(HttpServer, ARefusalReachesAClientThatKeepsSending) {
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
TEST(HttpServer, BodiesTogetherHaveALimit) {
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

TEST(HttpServer, SlowHeadersAndBodiesAreRefused) {
  HttpServerOptions options = on_free_port();
  options.header_timeout = options.body_timeout = std::chrono::milliseconds(300);
  auto server = start(options, echo);
  Client headers(server->port()), body(server->port());
  headers.send("GET / HTTP/1.1\r\nHost:");
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na");
  expect_refusal(headers, 408, "headers took longer than 300 ms");
  expect_refusal(body, 408, "body took longer than 300 ms");
}

TEST(HttpServer, IdleConnectionsCloseInSilence) {
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

TEST(HttpServer, OneConnectionTooManyIsToldSo) {
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

TEST(HttpServer, AHandlerThatThrowsOrForgetsIsA500) {
  auto server = start(on_free_port(), [](HttpRequest request, std::shared_ptr<Responder>) {
    if (request.path == "/throw") throw std::runtime_error("a bug");
  });
  Client client(server->port());
  for (const char* path : {"/throw", "/forget", "/throw"}) {
    client.get(path);
    ClientResponse response = client.read();
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(nlohmann::json::parse(response.body).at("error").at("type"), "server_error");
  }
}

TEST(HttpServer, ConnectionsAreSharedAmongThreads) {
  HttpServerOptions options = on_free_port();
  options.threads = 3;
  std::mutex mutex;
  std::set<std::thread::id> threads;
  auto server = start(options, [&](HttpRequest request, std::shared_ptr<Responder> responder) {
    {
      std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    echo(std::move(request), std::move(responder));
  });
  std::vector<Client> clients;
  for (int i = 0; i < 12; ++i) clients.emplace_back(server->port());
  for (int round = 0; round < 20; ++round) {
    for (Client& client : clients) client.post("/", "x");
    for (Client& client : clients) EXPECT_EQ(client.read().body, "POST /  x");
  }
  EXPECT_EQ(threads.size(), 3u);
}

TEST(HttpServer, ListensOnVersion6AndOnTheNameOfThisMachine) {
  for (const char* host : {"::1", "localhost", "0.0.0.0"}) {
    HttpServerOptions options = on_free_port();
    options.host = host;
    auto server = HttpServer::create(options, echo);
    if (!server && std::string_view(host) == "::1") continue;  // a machine without IPv6
    ASSERT_TRUE(server.ok()) << server.error().message;
    EXPECT_GT((*server)->port(), 0);
  }
}

TEST(HttpServer, ListensOnAFile) {
  sockaddr_un address{AF_UNIX, ""};
  std::string path = std::filesystem::temp_directory_path() / fmt::format("verbatim-{}.sock", ::getpid());
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  int killed = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);  // a server that left its file behind
  ASSERT_EQ(::bind(killed, generic, sizeof address), 0);
  ::close(killed);

  HttpServerOptions options = on_free_port();
  options.host = "unix:" + path;
  auto server = start(options, echo);
  auto second = HttpServer::create(options, echo);
  ASSERT_FALSE(second.ok());
  EXPECT_PRED2(contains, second.error().message, "another server listens there");

  int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::connect(client, generic, sizeof address), 0);
  constexpr std::string_view kRequest = "GET /x HTTP/1.0\r\n\r\n";
  EXPECT_EQ(::send(client, kRequest.data(), kRequest.size(), 0), static_cast<ssize_t>(kRequest.size()));
  std::string response;
  char buffer[1024];
  for (ssize_t n; (n = ::recv(client, buffer, sizeof buffer, 0)) > 0;)
    response.append(buffer, static_cast<std::size_t>(n));
  ::close(client);
  EXPECT_TRUE(response.ends_with("\r\n\r\nGET /x  ")) << response;
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(path));

  std::ofstream(path) << "a file of the user's";
  EXPECT_FALSE(HttpServer::create(options, echo).ok());
  EXPECT_TRUE(std::filesystem::remove(path)) << "the file was deleted";
}

TEST(HttpServer, OptionsThatCannotWorkAreNamed) {
  auto refusal = [](auto change) {
    HttpServerOptions options = on_free_port();
    change(options);
    auto server = HttpServer::create(options, echo);
    return server ? "accepted" : server.error().message;
  };
  auto first = start(on_free_port(), echo);
  using O = HttpServerOptions;
  EXPECT_PRED2(contains, refusal([&](O& o) { o.port = first->port(); }),
               fmt::format("port {}", first->port()));
  EXPECT_PRED2(contains, refusal([](O& o) { o.port = 65536; }), "port 65536");
  EXPECT_PRED2(contains, refusal([](O& o) { o.host = "example"; }), "host 'example'");
  EXPECT_PRED2(contains, refusal([](O& o) { o.host = "unix:" + std::string(200, 'x'); }),
               "from 1 to 107 bytes");
  EXPECT_PRED2(contains, refusal([](O& o) { o.threads = 0; }), "threads 0");
  EXPECT_PRED2(contains, refusal([](O& o) { o.api_keys = {""}; }), "API key");
  EXPECT_PRED2(contains, refusal([](O& o) { o.cors_origins = {"example.org"}; }), "'example.org'");
  EXPECT_PRED2(contains, refusal([](O& o) { o.tls_key = "k.pem"; }), "both");
  EXPECT_PRED2(contains, refusal([](O& o) { o.access_log = "/proc/no.log"; }), "/proc/no.log");
  EXPECT_PRED2(contains, refusal([](O& o) { o.max_connections = 1u << 31; }), "max_connections");
  EXPECT_PRED2(contains, refusal([](O& o) { o.max_total_body_bytes = 1000; }), "max_total_body_bytes 1000");
}

}  // namespace
}  // namespace verbatim::server
