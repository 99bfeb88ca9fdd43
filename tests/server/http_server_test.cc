// HttpServer: one request after another on a connection, and where it listens.
#include "server/http_server.h"

#include <gtest/gtest.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "http_fixture.h"
#include "json/library.h"

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
