// The end of a server: what runs may finish, and then nothing is left; or everything stops at once.
#include <gtest/gtest.h>

#include "http_fixture.h"

namespace verbatim::server {
namespace {

TEST(HttpDrain, RunningRequestsFinishAndConnectionsClose) {
  Inbox inbox;
  auto server = start(on_free_port(), inbox.handler());
  Client idle(server->port()), waiting(server->port()), streaming(server->port());
  idle.get("/");
  inbox.next().responder->respond(text("once"));
  EXPECT_EQ(idle.read().body, "once");
  waiting.get("/");
  ReceivedCall call = inbox.next();
  streaming.get("/");
  ReceivedCall stream = inbox.next();
  stream.responder->begin_stream(kEvents);
  ClientResponse response;
  ASSERT_TRUE(streaming.read_head(response));

  server->stop_accepting();
  EXPECT_TRUE(idle.ended()) << "an idle connection closes";
  EXPECT_FALSE(Client(server->port()).connected()) << "nobody listens any more";
  EXPECT_FALSE(server->wait_until_idle(std::chrono::milliseconds(1)));

  call.responder->respond(text("twice"));
  ClientResponse last = waiting.read();
  EXPECT_EQ(last.body, "twice");
  EXPECT_EQ(last.header("Connection"), "close");
  EXPECT_TRUE(waiting.ended());
  stream.responder->write("the rest");
  stream.responder->end();
  EXPECT_EQ(streaming.read_chunk(), "the rest");
  EXPECT_EQ(streaming.read_chunk(), "");
  EXPECT_TRUE(streaming.ended());
  waiting.close();
  streaming.close();
  EXPECT_TRUE(server->wait_until_idle(std::chrono::minutes(1)));
  EXPECT_EQ(server->stats().clients_gone, 0);
  EXPECT_EQ(server->stats().requests, 3);
}

// Its head arrived before the end, its body after.
TEST(HttpDrain, ARequestThatIsArrivingIsServed) {
  auto server = start(on_free_port(), echo);
  Client client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read().status, 100);
  server->stop_accepting();
  client.send("ab");
  ClientResponse response = client.read();
  EXPECT_EQ(response.body, "POST /  ab");
  EXPECT_EQ(response.header("Connection"), "close");
}

TEST(HttpDrain, StopEndsEverythingAndTellsTheApi) {
  Inbox inbox;
  Event gone;
  auto server = start(on_free_port(), inbox.handler());
  std::vector<Client> clients;
  std::vector<ReceivedCall> calls;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(server->port());
    clients.back().get("/");
    calls.push_back(inbox.next());
    calls.back().responder->on_gone([&] { gone.happen(); });
    if (i % 2 == 0) calls.back().responder->begin_stream(kEvents);
  }
  server->stop();
  EXPECT_EQ(gone.count(), 20) << "all were told before stop() returned";
  EXPECT_EQ(server->stats().connections_open, 0);
  server->stop();  // again: nothing
  server.reset();
  for (int i = 0; i < 20; ++i) {  // the API may hold on to them for as long as it likes
    if (i % 2 == 0) {
      calls[i].responder->write("for nobody");
      calls[i].responder->end();
    } else {
      calls[i].responder->respond(text("for nobody"));
    }
  }
  for (Client& client : clients) EXPECT_FALSE(client.read().whole);
}

// Answers race the end.
TEST(HttpDrain, StopWhileTheApiWrites) {
  for (int round = 0; round < 20; ++round) {
    Inbox inbox;
    auto server = start(on_free_port(), inbox.handler());
    std::vector<Client> clients;
    std::vector<ReceivedCall> calls;
    for (int i = 0; i < 10; ++i) {
      clients.emplace_back(server->port());
      clients.back().get("/");
      calls.push_back(inbox.next());
      calls.back().responder->begin_stream(kEvents);
    }
    Event started;
    std::thread api([&] {
      for (int piece = 0; piece < 200; ++piece) {
        for (ReceivedCall& call : calls) call.responder->write("data: x\n\n");
        started.happen();
      }
      for (ReceivedCall& call : calls) call.responder->end();
    });
    started.wait();
    server.reset();
    api.join();
  }
}

}  // namespace
}  // namespace verbatim::server
