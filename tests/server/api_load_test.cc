// Load: crowds, clients that leave, a full queue, a server that goes down.
#include <random>

#include "forwarding_model.h"
#include "server/api_fixture.h"

namespace verbatim::server {
namespace {

Json random_request(std::mt19937& random, int i) {
  Json body = {{"max_tokens", 1 + random() % 40},
               {"temperature", random() % 2},
               {"seed", random() % 1000},
               {"ignore_eos", random() % 4 != 0},
               {"n", random() % 5 == 0 ? 3 : 1}};
  std::string text = random() % 3 == 0 ? "A beginning that several share, word for word. " : "";
  text +=
      fmt::format("Request {}: {}", i, std::string(random() % 150, static_cast<char>('a' + random() % 26)));
  if (random() % 3 == 0) body["stop"] = {"e", "zz"};
  if (random() % 4 == 0) body["frequency_penalty"] = 0.5;
  if (random() % 2 == 0) {
    body["messages"] = {{{"role", "user"}, {"content", text}}};
    if (random() % 3 == 0) body["logprobs"] = true;
  } else {
    body["prompt"] = text;
    if (random() % 3 == 0) body["logprobs"] = 2;
    if (random() % 5 == 0) body["echo"] = true;
  }
  return body;
}

const char* path_of(const Json& body) {
  return body.contains("messages") ? "/v1/chat/completions" : "/v1/completions";
}

// 200 requests, each alone on a quiet server, and then all at once where memory is short.
TEST(ApiLoad, ACrowdChangesNoBit) {
  std::mt19937 random(11);
  std::vector<Json> requests;
  for (int i = 0; i < 200; ++i) requests.push_back(random_request(random, i));
  std::vector<Json> alone;
  TestServer quiet;
  for (const Json& request : requests)
    alone.push_back(bits_of_answer(quiet.answer(path_of(request), request)));

  TestServerOptions options;
  options.engine.kv_pages = 24;
  options.engine.schedule.max_sequences = 64;
  options.engine.schedule.max_step_tokens = 96;
  TestServer busy(options);
  std::vector<std::shared_ptr<ApiClient>> clients;
  for (const Json& request : requests) clients.push_back(busy.post(path_of(request), request));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const HttpResponse& response = clients[i]->wait();
    ASSERT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(bits_of_answer(Json::parse(response.body)), alone[i]) << requests[i].dump();
  }
  busy.wait_idle();
  EngineStats stats = busy.engine().stats();
  EXPECT_GE(stats.most_sequences, 16) << "there was no crowd";
  EXPECT_GT(stats.schedule.preemptions, 0);
  EXPECT_GT(stats.schedule.prefix_hits, 0);
  EXPECT_GT(stats.evictions, 0);
  EXPECT_EQ(busy.pages_used(), 0);
}

// The tiny model, which computes so many steps and then waits.
class PatientModel final : public ForwardingModel {
 public:
  using ForwardingModel::ForwardingModel;
  void let(int steps) {
    std::lock_guard lock(mutex_);
    left_ = steps;
    changed_.notify_all();
  }

 private:
  StepResult step(Runner& runner, const StepBatch& batch, const StepWishes& wishes) override {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return left_ > 0; });
      --left_;
    }
    return runner.step(batch, wishes);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int left_ = 0;
};

TEST(ApiLoad, AClientThatLeavesFreesItsPages) {
  PatientModel model(*tiny_loaded_model().model);
  TestServerOptions options;
  options.model = &model;
  TestServer server(options);
  for (bool stream : {true, false}) {
    model.let(300);  // enough for the witness, and for nobody to come to 400 tokens
    auto leaving = server.post(
        "/v1/completions",
        {{"prompt", "Once"}, {"max_tokens", 400}, {"n", 4}, {"ignore_eos", true}, {"stream", stream}});
    auto witness =
        server.post("/v1/completions", {{"prompt", "Once"}, {"max_tokens", 30}, {"ignore_eos", true}});
    if (stream) leaving->wait_for_pieces(3);
    EXPECT_EQ(witness->wait().status, 200);
    leaving->leave();
    model.let(1000);
    server.wait_idle();
    EXPECT_EQ(server.pages_used(), 0);
  }
  std::string page = server.get("/metrics").body;
  EXPECT_NE(page.find("finished_reason=\"abort\"} 8\n"), std::string::npos) << page;
}

// Requests that leave before they start, while they wait and while they run, among others that stay.
TEST(ApiLoad, ManyLeaveAndTheOthersDoNotNotice) {
  TestServerOptions options;
  options.engine.kv_pages = 12;
  options.engine.schedule.max_sequences = 8;
  TestServer server(options);
  Json staying = {{"prompt", "I stay"}, {"max_tokens", 60}, {"ignore_eos", true}};
  Json expected = bits_of_answer(server.answer("/v1/completions", staying));
  std::mt19937 random(5);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::shared_ptr<ApiClient>> stay, leave;
    for (int i = 0; i < 40; ++i) {
      bool stays = i % 8 == 0;
      Json body = staying;
      if (!stays) body["prompt"] = fmt::format("I leave {}", i), body["stream"] = true;
      (stays ? stay : leave).push_back(server.post("/v1/completions", body));
      if (!stays && random() % 2 == 0) leave.back()->leave();
    }
    for (const auto& client : leave) client->leave();
    for (const auto& client : stay) EXPECT_EQ(bits_of_answer(Json::parse(client->wait().body)), expected);
    server.wait_idle();
    EXPECT_EQ(server.pages_used(), 0);
  }
}

TEST(ApiLoad, AFullQueueRefuses) {
  TestServerOptions options;
  options.engine.schedule.max_sequences = 1;
  options.thread.max_queue = 3;
  TestServer server(options);
  Json body = {{"prompt", "Once"}, {"max_tokens", 200}, {"ignore_eos", true}, {"stream", true}};
  std::vector<std::shared_ptr<ApiClient>> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(server.post("/v1/completions", body));
  int refused = 0, answered = 0;
  for (const auto& client : clients) {
    const HttpResponse& response = client->wait();
    response.status == 200 ? ++answered : ++refused;
    if (response.status == 200) continue;
    EXPECT_EQ(response.status, 429);
    const std::string* seconds = header_of(response, "Retry-After");
    ASSERT_NE(seconds, nullptr);
    EXPECT_GE(std::stoi(*seconds), 1);
    EXPECT_LE(std::stoi(*seconds), 60);
    EXPECT_NE(response.body.find("try again in " + *seconds + " s"), std::string::npos) << response.body;
    EXPECT_EQ(Json::parse(response.body)["error"]["code"], "queue_full");
  }
  EXPECT_GE(answered, 3);
  EXPECT_GT(refused, 0);
}

TEST(ApiLoad, DrainingFinishesWhatRuns) {
  TestServer server;
  Json body = {{"prompt", "Once"}, {"max_tokens", 200}, {"ignore_eos", true}, {"stream", true}};
  auto running = server.post("/v1/completions", body);
  running->wait_for_pieces(1);
  server.engine().drain();
  EXPECT_EQ(server.ask("/v1/completions", body).status, 503);
  EXPECT_EQ(server.get("/ready").status, 503);
  EXPECT_EQ(server.get("/health").status, 200);
  EXPECT_EQ(events_of(running->wait().body).back().data, "[DONE]");
  server.wait_idle();
}

// What does not finish in time is told so, and its client can go on elsewhere.
TEST(ApiLoad, StoppingTellsThoseWhoWait) {
  TestServerOptions options;
  options.engine.schedule.max_sequences = 1;
  Json body = {{"prompt", "Once"}, {"max_tokens", 400}, {"ignore_eos", true}, {"stream", true}};
  std::shared_ptr<ApiClient> stream, whole, waiting;
  {
    TestServer server(options);
    stream = server.post("/v1/completions", body);
    stream->wait_for_pieces(2);
    body["stream"] = false;
    waiting = server.post("/v1/completions", body);
    server.engine().stop();
    whole = server.post("/v1/completions", body);
    EXPECT_EQ(whole->wait().status, 503);
  }
  EXPECT_EQ(waiting->wait().status, 503);
  std::vector<StreamEvent> events = events_of(stream->wait().body);
  EXPECT_EQ(events.back().json()["error"]["code"], "shutting_down");
  EXPECT_TRUE(events.back().id.empty());
  body["stream"] = true;
  TestServer replica;
  std::string rest =
      replica.ask("/v1/completions", body, {{"Last-Event-ID", events[events.size() - 2].id}}).body;
  std::string seen = stream->wait().body;
  seen.resize(seen.rfind("data: {\"error\""));
  std::string id = events.front().id;
  std::string before_first = id.substr(0, id.rfind('.')) + ".0";
  std::string all = replica.ask("/v1/completions", body, {{"Last-Event-ID", before_first}}).body;
  EXPECT_EQ(seen.substr(seen.find("\n\n") + 2) + rest, all);
}

}  // namespace
}  // namespace verbatim::server
