// Streams: their form, clients that leave, clients that do not read, and many of them.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "http_fixture.h"

namespace verbatim::server {
namespace {

TEST(HttpStream, PiecesAreChunksAndTheConnectionLivesOn) {
  Inbox inbox;
  auto server = start(on_free_port(), inbox.handler());
  Client client(server->port());
  for (int round = 0; round < 3; ++round) {
    client.get("/");
    ReceivedCall call = inbox.next();
    call.responder->begin_stream(kEvents);
    ClientResponse response;
    ASSERT_TRUE(client.read_head(response));
    EXPECT_EQ(response.header("Transfer-Encoding"), "chunked");
    EXPECT_EQ(response.header("Content-Type"), "text/event-stream");
    EXPECT_EQ(response.header("Content-Length"), "");
    for (int i = 0; i < 5; ++i) {
      call.responder->write(fmt::format("data: {}\n\n", i));
      EXPECT_EQ(client.read_chunk(), fmt::format("data: {}\n\n", i)) << "a piece is sent when it is written";
    }
    call.responder->write("");  // is not the end
    call.responder->write("last");
    call.responder->end();
    EXPECT_EQ(client.read_chunk(), "last");
    EXPECT_EQ(client.read_chunk(), "");
  }
  EXPECT_EQ(server->stats().clients_gone, 0);
}

TEST(HttpStream, AnOldClientGetsItWithoutChunks) {
  auto server = start(on_free_port(), [](HttpRequest, std::shared_ptr<Responder> responder) {
    responder->begin_stream(kEvents);
    for (const char* piece : {"one ", "two ", "three"}) responder->write(piece);
    responder->end();
  });
  Client client(server->port());
  client.send("GET / HTTP/1.0\r\n\r\n");
  ClientResponse response = client.read();
  EXPECT_EQ(response.body, "one two three");
  EXPECT_EQ(response.header("Transfer-Encoding"), "");
  EXPECT_EQ(response.header("Connection"), "close");
}

TEST(HttpStream, HeadGetsItsHeadersOnly) {
  auto server = start(on_free_port(), [](HttpRequest, std::shared_ptr<Responder> responder) {
    responder->begin_stream(kEvents);
    responder->write("body");
    responder->end();
  });
  Client client(server->port());
  for (int i = 0; i < 2; ++i) {
    client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(client.read(true).header("Content-Type"), "text/event-stream");
  }
}

// Pieces written while the client does not read share sends; none is lost or torn.
TEST(HttpStream, PiecesOfAllSizesArriveInOrder) {
  HttpServerOptions options = on_free_port();
  options.max_queue_bytes = 100 << 20;
  auto server = start(options, [](HttpRequest, std::shared_ptr<Responder> responder) {
    responder->begin_stream(kEvents);
    std::mt19937 random(1);
    for (int i = 0; i < 3000; ++i)
      responder->write(std::string(1 + random() % 2000, static_cast<char>('a' + i % 26)));
    responder->end();
  });
  Client client(server->port());
  client.get("/");
  ClientResponse response = client.read();
  EXPECT_TRUE(response.whole);
  EXPECT_EQ(response.chunks, 3000u);
  std::string expected;
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) expected.append(1 + random() % 2000, static_cast<char>('a' + i % 26));
  EXPECT_TRUE(response.body == expected);
}

// How a client leaves, and whether bytes are on their way to it.
struct Departure {
  const char* name;
  void (*leave)(Client&);
};
constexpr Departure kDepartures[] = {
    {"Close", [](Client& client) { client.close(); }},
    {"Reset", [](Client& client) { client.reset(); }},
    {"EndOfSending", [](Client& client) { client.end_sending(); }},
};
class HttpStreamDeparture : public testing::TestWithParam<Departure> {};
INSTANTIATE_TEST_SUITE_P(Ways, HttpStreamDeparture, testing::ValuesIn(kDepartures),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(HttpStreamDeparture, IsNoticedWhileNothingIsSentAndToldOnce) {
  Inbox inbox;
  Event gone;
  auto server = start(on_free_port(), inbox.handler());
  for (int streams = 0; streams < 2; ++streams) {
    Client client(server->port());
    client.get("/");
    ReceivedCall call = inbox.next();
    call.responder->on_gone([&] { gone.happen(); });
    if (streams == 1) {
      call.responder->begin_stream(kEvents);
      ClientResponse response;
      ASSERT_TRUE(client.read_head(response));
    }
    GetParam().leave(client);
    EXPECT_EQ(gone.wait(streams + 1), streams + 1);
    ASSERT_TRUE(server->wait_until_idle(std::chrono::minutes(1)));

    if (streams == 0) call.responder->begin_stream(kEvents);
    call.responder->write("for nobody");
    call.responder->end();
    EXPECT_EQ(gone.count(), streams + 1);
  }
  EXPECT_EQ(server->stats().clients_gone, 2);
  EXPECT_EQ(server->stats().requests_running, 0);
}

TEST(HttpStream, ACallbackSetAfterTheClientHasGoneIsCalledAtOnce) {
  Inbox inbox;
  auto server = start(on_free_port(), inbox.handler());
  Client client(server->port());
  client.get("/");
  ReceivedCall call = inbox.next();
  client.close();
  ASSERT_TRUE(server->wait_until_idle(std::chrono::minutes(1)));
  int calls = 0;
  call.responder->on_gone([&] { ++calls; });
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(call.responder->gone());
}

TEST(HttpStream, NoCallbackAfterTheAnswerIsComplete) {
  Inbox inbox;
  Event gone;
  auto held = std::make_shared<int>();
  auto server = start(on_free_port(), inbox.handler());
  Client client(server->port());
  client.get("/");
  ReceivedCall call = inbox.next();
  call.responder->on_gone([&gone, held] { gone.happen(); });
  call.responder->respond(text("done"));
  EXPECT_EQ(held.use_count(), 1) << "what the callback holds is let go";
  EXPECT_EQ(client.read().body, "done");
  client.close();
  ASSERT_TRUE(server->wait_until_idle(std::chrono::minutes(1)));
  EXPECT_EQ(gone.count(), 0);
}

// A client may end its side once it has asked, when its answer is there already.
TEST(HttpStream, AnAnswerOnItsWayReachesAClientThatHasEndedItsSide) {
  auto server = start(on_free_port(), [](HttpRequest, std::shared_ptr<Responder> responder) {
    responder->respond(text(std::string(5 << 20, 'x')));
  });
  for (int i = 0; i < 10; ++i) {
    Client client(server->port());
    client.get("/");
    client.end_sending();
    ClientResponse response = client.read();
    EXPECT_TRUE(response.whole);
    EXPECT_EQ(response.body.size(), 5u << 20);
    EXPECT_TRUE(client.ended());
  }
}

TEST(HttpStream, AStreamThatTheApiForgetsBreaksOff) {
  auto server = start(on_free_port(), [](HttpRequest, std::shared_ptr<Responder> responder) {
    responder->begin_stream(kEvents);
    responder->write("some");
  });
  Client client(server->port());
  client.get("/");
  ClientResponse response = client.read();
  EXPECT_EQ(response.body, "some");
  EXPECT_FALSE(response.whole) << "half a stream must not look like a whole one";
}

// Many clients do not read; each is shed, and costs no more than its queue. Those that read notice nothing.
TEST(HttpStream, SlowReadersAreShedAndOthersAreNot) {
  constexpr int kSlow = 200, kQuick = 50;
  HttpServerOptions options = on_free_port();
  options.max_queue_bytes = 64 << 10;
  options.answer_memory = std::make_shared<MemoryBudget>(0);
  options.send_buffer_bytes = 16 << 10;
  Inbox inbox;
  Event slow_gone, quick_gone;
  auto server = start(options, inbox.handler());
  std::vector<Client> slow, quick;
  std::vector<ReceivedCall> calls;
  for (int i = 0; i < kSlow + kQuick; ++i) {
    Client& client =
        i < kSlow ? slow.emplace_back(server->port(), nullptr, 16 << 10) : quick.emplace_back(server->port());
    ASSERT_TRUE(client.get("/"));
    calls.push_back(inbox.next());
    Event& gone = i < kSlow ? slow_gone : quick_gone;
    calls.back().responder->on_gone([&] { gone.happen(); });
    calls.back().responder->begin_stream(kEvents);
    ClientResponse response;
    if (i >= kSlow) {
      ASSERT_TRUE(client.read_head(response));
    }
  }

  const std::string piece(1000, 'x');
  int pieces = 0;
  for (; slow_gone.count() < kSlow; ++pieces) {
    ASSERT_LT(pieces, 1000) << "more than the queue and the kernel's buffers should hold";
    for (ReceivedCall& call : calls) call.responder->write(piece);
    for (Client& client : quick) ASSERT_EQ(client.read_chunk(), piece);
  }
  for (ReceivedCall& call : calls) call.responder->end();
  for (Client& client : quick) EXPECT_EQ(client.read_chunk(), "");
  EXPECT_EQ(slow_gone.count(), kSlow);
  EXPECT_EQ(quick_gone.count(), 0);
  EXPECT_EQ(server->stats().clients_shed, kSlow);
  EXPECT_EQ(server->stats().clients_gone, kSlow);
  for (Client& client : slow) EXPECT_FALSE(client.read().whole);
}

// An answer complete long ago, to a client that takes none of it.
TEST(HttpStream, AClientThatTakesNothingForTooLongIsShed) {
  HttpServerOptions options = on_free_port();
  options.send_timeout = std::chrono::milliseconds(200);
  Inbox inbox;
  auto server = start(options, inbox.handler());
  Client client(server->port(), nullptr, 16 << 10);
  client.get("/");
  inbox.next().responder->respond(text(std::string(20 << 20, 'x')));
  ASSERT_TRUE(server->wait_until_idle(std::chrono::minutes(1)));
  EXPECT_EQ(server->stats().clients_shed, 1);
}

// Several threads write at once into many streams: each client gets its own stream, whole and in order.
TEST(HttpStream, AThousandStreams) {
  constexpr int kStreams = 1000, kPieces = 20, kWriters = 4;
  HttpServerOptions options = on_free_port();
  Inbox inbox;
  auto server = start(options, inbox.handler());
  std::vector<Client> clients;
  std::vector<ReceivedCall> calls;
  for (int i = 0; i < kStreams; ++i) {
    clients.emplace_back(server->port());
    ASSERT_TRUE(clients.back().get(fmt::format("/{}", i)));
    calls.push_back(inbox.next());
  }
  EXPECT_EQ(server->stats().requests_running, kStreams);
  EXPECT_EQ(server->stats().connections_open, kStreams);
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = w; i < kStreams; i += kWriters) calls[i].responder->begin_stream(kEvents);
      for (int piece = 0; piece < kPieces; ++piece) {
        for (int i = w; i < kStreams; i += kWriters) {
          calls[i].responder->write(fmt::format("{}:{} ", calls[i].request.path, piece));
        }
      }
      for (int i = w; i < kStreams; i += kWriters) calls[i].responder->end();
    });
  }
  for (int i = 0; i < kStreams; ++i) {
    std::string expected;
    for (int piece = 0; piece < kPieces; ++piece) expected += fmt::format("/{}:{} ", i, piece);
    ClientResponse response = clients[i].read();
    EXPECT_TRUE(response.whole);
    ASSERT_EQ(response.body, expected);
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(server->stats().clients_gone, 0);
  EXPECT_TRUE(eventually([&] { return server->stats().requests_running == 0; }));
}

// Clients that come and go at every moment of a request, with the API writing all the while: nothing is left.
TEST(HttpStream, AStormOfAbortsLeavesNothing) {
  constexpr int kClients = 4, kRounds = 500;
  std::mutex mutex;
  std::vector<std::shared_ptr<Responder>> streams;
  std::vector<std::weak_ptr<Responder>> all;
  std::atomic<int> gone{0}, begun{0};
  // A server before it: what a sanitizer's runtime starts with the first threads is there from then on.
  start(on_free_port(), [](HttpRequest, std::shared_ptr<Responder>) {}).reset();
  int files = files_open(), threads = threads_running();
  auto server = start(on_free_port(), [&](HttpRequest, std::shared_ptr<Responder> responder) {
    ++begun;
    responder->on_gone([&] { ++gone; });
    responder->begin_stream(kEvents);
    std::lock_guard lock(mutex);
    all.push_back(responder);
    streams.push_back(std::move(responder));
  });
  std::atomic<bool> storm{true};
  std::thread api([&] {
    while (storm) {
      std::vector<std::shared_ptr<Responder>> now;
      {
        std::lock_guard lock(mutex);
        now = streams;
        if (streams.size() > 50)
          streams.erase(streams.begin(), streams.begin() + 25);  // forgotten in mid-stream
      }
      for (const auto& stream : now) stream->write("data: x\n\n");
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> visitors;
  for (int c = 0; c < kClients; ++c) {
    visitors.emplace_back([&, c] {
      std::mt19937 random(static_cast<unsigned>(c));
      for (int i = 0; i < kRounds; ++i) {
        Client client(server->port());
        ASSERT_TRUE(client.connected());
        std::string request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
        client.send(request.substr(0, random() % 3 == 0 ? random() % request.size() : request.size()));
        if (random() % 2 == 0) client.end_sending();
        if (random() % 2 == 0) client.reset();
      }
    });
  }
  for (std::thread& visitor : visitors) visitor.join();
  {  // connections are accepted in their order: behind this one there are no more
    Client last(server->port());
    last.get("/");
    ClientResponse response;
    EXPECT_TRUE(last.read_head(response));
  }
  EXPECT_TRUE(server->wait_until_idle(std::chrono::minutes(1)));
  storm = false;
  api.join();
  HttpStats stats = server->stats();
  EXPECT_EQ(stats.connections_open, 0);
  EXPECT_EQ(stats.requests_running, 0);
  EXPECT_GT(begun, 0);
  EXPECT_LE(gone, begun) << "a client went twice";
  EXPECT_EQ(stats.clients_gone, begun);

  server.reset();
  streams.clear();
  for (const auto& responder : all) EXPECT_TRUE(responder.expired());
  EXPECT_EQ(files_open(), files);
  EXPECT_TRUE(eventually([&] { return threads_running() == threads; })) << threads_running() << " threads";
}

}  // namespace
}  // namespace verbatim::server
