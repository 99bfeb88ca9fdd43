// 10,000 clients that connect and leave, at every moment of a request: nothing of them is left.
#include <random>
#include <thread>

#include "http_fixture.h"
#include "server/api_fixture.h"
#include "thinning.h"

namespace verbatim::server {
namespace {

// How far a client goes before it leaves.
enum class Moment { connected, in_headers, in_body, asked, in_stream, answered };
constexpr int kMoments = static_cast<int>(Moment::answered) + 1;

std::string request_of(bool stream) {
  Json body = {
      {"prompt", "Once"}, {"max_tokens", stream ? 200 : 2}, {"ignore_eos", true}, {"stream", stream}};
  return fmt::format(
      "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\n\r\n{}",
      body.dump().size(), body.dump());
}

void visit(int port, Moment moment, std::mt19937& random) {
  Client client(port);
  ASSERT_TRUE(client.connected());
  std::string request = request_of(moment != Moment::answered);
  std::size_t head = request.find("\r\n\r\n") + 4, body = request.size() - head;
  switch (moment) {
    case Moment::connected:
      break;
    case Moment::in_headers:
      client.send(request.substr(0, 1 + random() % (head - 1)));
      break;
    case Moment::in_body:
      client.send(request.substr(0, head + random() % body));
      break;
    case Moment::asked:
      client.send(request);
      break;
    case Moment::in_stream: {
      client.send(request);
      ClientResponse response;
      ASSERT_TRUE(client.read_head(response));
      EXPECT_EQ(response.status, 200);
      ASSERT_TRUE(client.read_chunk().has_value());
      break;
    }
    case Moment::answered: {
      client.send(request);
      EXPECT_EQ(client.read().status, 200);
      break;
    }
  }
  if (random() % 2 == 0) client.end_sending();
  if (random() % 2 == 0) client.reset();  // else closed in the usual way
}

TEST(Storm, TenThousandClientsLeaveNothing) {
  constexpr int kVisitors = 4, kVisits = static_cast<int>(10'000 / kVisitors / kThinning);
  tiny_loaded_model();                  // has threads of its own
  start(on_free_port(), echo).reset();  // as have a sanitizer's runtime and the first server
  const int files = files_open(), threads = threads_running();
  {
    TestServerOptions options;
    options.engine.kv_pages = 32;
    TestServer engine(options);
    auto http = start(on_free_port(), engine.api().handler());
    std::vector<std::thread> visitors;
    for (int v = 0; v < kVisitors; ++v)
      visitors.emplace_back([&, v] {
        std::mt19937 random(static_cast<unsigned>(v));
        for (int i = 0; i < kVisits; ++i)
          visit(http->port(), static_cast<Moment>(random() % kMoments), random);
      });
    for (std::thread& visitor : visitors) visitor.join();

    // Connections are accepted in their order: behind this one there are no more.
    std::mt19937 random;
    visit(http->port(), Moment::answered, random);
    EXPECT_TRUE(http->wait_until_idle(std::chrono::minutes(1)));
    EXPECT_TRUE(eventually([&] {  // the last that left may be on their way to the engine
      EngineStats now = engine.engine().stats();
      return now.running == 0 && now.waiting == 0 && engine.pages_used() == 0;
    }));
    HttpStats stats = http->stats();
    EXPECT_GT(stats.connections, kVisits) << "the others were gone before they were accepted";
    EXPECT_EQ(stats.connections_open, 0);
    EXPECT_EQ(stats.requests_running, 0);
    EXPECT_GT(stats.clients_gone, kVisits / 4);
    EXPECT_TRUE(eventually([&] { return http->stats().body_bytes_held == 0; }));
    EXPECT_EQ(stats.clients_shed, 0);
  }
  EXPECT_EQ(files_open(), files);
  EXPECT_TRUE(eventually([&] { return threads_running() == threads; })) << threads_running() << " threads";
}

}  // namespace
}  // namespace verbatim::server
