// Bodies that are written while they are sent.
#include <gtest/gtest.h>

#include <atomic>

#include "http_fixture.h"

namespace verbatim::server {
namespace {

// Numbers, of 9 bytes each; says how many were written, and when nobody holds it any more.
struct Written {
  std::atomic<int> numbers{0};
  std::atomic<bool> let_go{false};
};
BodyPieces numbers(int end, std::shared_ptr<Written> written) {
  std::shared_ptr<void> held(nullptr, [written](void*) { written->let_go = true; });
  std::string out;
  for (int i = 0; i < end; ++i) {
    out += fmt::format("{:8}\n", i);
    ++written->numbers;
    if (is_piece(out)) co_yield out;
  }
  co_yield out;
}
std::string numbers_to(int end) {
  std::string out;
  for (int i = 0; i < end; ++i) out += fmt::format("{:8}\n", i);
  return out;
}
// Answers "/N" with the numbers below N.
HttpHandler answer_numbers(std::shared_ptr<Written> written) {
  return [written](const HttpRequest& request, std::shared_ptr<Responder> responder) {
    responder->respond_in_pieces({200, {}, {}}, numbers(std::stoi(request.path.substr(1)), written));
  };
}

TEST(HttpPieces, AreOneBodyWhateverItsLength) {
  auto server = start(on_free_port(), answer_numbers(std::make_shared<Written>()));
  Client client(server->port());
  for (int end : {0, 1, 3000, 5000, 7282, 7283, 7300, 8000, 20000, 300000}) {
    client.get(fmt::format("/{}", end));
    const ClientResponse response = client.read();
    EXPECT_TRUE(response.whole) << end;
    EXPECT_TRUE(response.body == numbers_to(end)) << end;
    const bool small = end <= 5000;
    EXPECT_EQ(response.header("Content-Length"), small ? fmt::to_string(9 * end) : "") << end;
    EXPECT_EQ(response.header("Transfer-Encoding"), small ? "" : "chunked") << end;
    client.send(fmt::format("HEAD /{} HTTP/1.1\r\nHost: x\r\n\r\n", end));
    EXPECT_EQ(client.read(true).body, "") << end;
  }
  Client old(server->port());
  old.send("GET /20000 HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.read().body == numbers_to(20000));
}

// No more is written than the client takes; and nothing is left when it goes.
TEST(HttpPieces, AreWrittenAsTheyAreTaken) {
  constexpr int kNumbers = 20'000'000;  // 180 MB
  auto written = std::make_shared<Written>();
  HttpServerOptions options = on_free_port();
  options.send_buffer_bytes = 16 << 10;
  auto server = start(options, answer_numbers(written));
  {
    Client client(server->port(), nullptr, 16 << 10);
    client.get(fmt::format("/{}", kNumbers));
    ClientResponse response;
    ASSERT_TRUE(client.read_head(response));
    EXPECT_EQ(client.read_chunk(), numbers_to(2 * 3641)) << "what a short body may have";
    EXPECT_LT(written->numbers, 1 << 20) << "it takes no more";
    EXPECT_FALSE(written->let_go);
  }
  EXPECT_TRUE(eventually([&] { return written->let_go.load(); }));
  EXPECT_LT(written->numbers, 1 << 20);
  EXPECT_TRUE(eventually([&] { return server->stats().requests_running == 0; }));
}

BodyPieces failing() {
  for (int i = 0; i < 100; ++i) {
    std::string out(1000, 'x');
    co_yield out;
  }
  throw std::bad_alloc();
}

TEST(HttpPieces, ThatCannotBeWrittenAreNoWholeBody) {
  auto server = start(on_free_port(), [](const HttpRequest&, std::shared_ptr<Responder> responder) {
    responder->respond_in_pieces({200, {}, {}}, failing());
  });
  Client client(server->port());
  client.get("/");
  const ClientResponse response = client.read();
  EXPECT_EQ(response.body.size(), 100'000u);
  EXPECT_FALSE(response.whole);
}

// What waits for slow readers is bounded for all of them; who reads is not refused for them.
TEST(HttpPieces, OtherAnswersAreRefusedWhereTheMemoryIsHeld) {
  HttpServerOptions options = on_free_port();
  options.send_buffer_bytes = 16 << 10;
  options.max_queue_bytes = 64 << 10;
  options.answer_memory = std::make_shared<MemoryBudget>(8 << 20);
  auto server = start(options, [](const HttpRequest& request, std::shared_ptr<Responder> responder) {
    responder->respond(text(std::string(std::stoul(request.path.substr(1)), 'x')));
  });
  {
    Client slow(server->port(), nullptr, 16 << 10), other(server->port());
    slow.get(fmt::format("/{}", 6 << 20));
    ClientResponse head;
    ASSERT_TRUE(slow.read_head(head));
    EXPECT_EQ(head.status, 200);
    other.get(fmt::format("/{}", 3 << 20));
    const ClientResponse refused = other.read();
    EXPECT_EQ(refused.status, 503);
    EXPECT_NE(refused.body.find("answer_memory_full"), std::string::npos) << refused.body;
    other.get(fmt::format("/{}", 60 << 10));
    EXPECT_EQ(other.read().status, 200) << "it needs little";
  }
  EXPECT_TRUE(eventually([&] { return options.answer_memory->held() == 0; }));
  Client other(server->port());
  other.get(fmt::format("/{}", 3 << 20));
  EXPECT_EQ(other.read().body.size(), 3u << 20);
}

}  // namespace
}  // namespace verbatim::server
