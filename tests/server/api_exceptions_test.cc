// An exception that escapes from the work on a request costs that request, wherever it is thrown.
#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <stdexcept>
#include <thread>

#include "api_fixture.h"
#include "forwarding_model.h"

namespace verbatim::server {
namespace {

// Throws what nobody expects as soon as it has been written to a number of times.
class ThrowingClient final : public Responder {
 public:
  ThrowingClient(int calls, bool& let_go, std::mutex& mutex, std::condition_variable& changed)
      : calls_(calls), let_go_(let_go), mutex_(mutex), changed_(changed) {}
  ~ThrowingClient() override {
    std::lock_guard lock(mutex_);
    let_go_ = true;
    changed_.notify_all();
  }
  void respond(HttpResponse) override { count(); }
  void begin_stream(HttpResponse) override { count(); }
  void write(std::string) override { count(); }
  void end() override { count(); }
  void on_gone(std::function<void()>) override {}

 private:
  void count() {
    if (--calls_ < 0) throw std::logic_error("a fault of a test");
  }
  int calls_;
  bool& let_go_;
  std::mutex& mutex_;
  std::condition_variable& changed_;
};

TEST(ApiExceptions, CostOneRequest) {
  TestServer server;
  const Json asked = {{"prompt", "x"}, {"max_tokens", 8}};
  Json streamed = asked;
  streamed["stream"] = true;
  const Json expected = server.answer("/v1/completions", asked)["choices"];
  auto survives = [&](const std::string& body, int calls) {
    bool let_go = false;
    std::mutex mutex;
    std::condition_variable changed;
    server.send_for(std::make_shared<ThrowingClient>(calls, let_go, mutex, changed), "POST",
                    "/v1/completions", body);
    EXPECT_EQ(server.answer("/v1/completions", asked)["choices"], expected);
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return let_go; });
  };
  survives("{", 0);                                                 // on a worker
  survives(asked.dump(), 0);                                        // on the engine's thread: the answer
  for (int calls : {0, 1, 2, 5}) survives(streamed.dump(), calls);  // the stream
}

TEST(ApiExceptions, AnswersEndBeforeTheApi) {
  TestServer server;
  auto client = server.post("/v1/completions",
                            {{"prompt", "x"}, {"max_tokens", 400}, {"ignore_eos", true}, {"stream", true}});
  client->wait_for_pieces(2);
  server.end_api();
  EXPECT_TRUE(client->complete());
}

// The tiny model, whose n-th batch there is no memory for: the pages are copied, and no more.
class ScarceModel final : public ForwardingModel {
 public:
  using ForwardingModel::ForwardingModel;
  void fail_at(int batch) { left_ = batch; }

 private:
  StepResult step(Runner& runner, const StepBatch& batch, const StepWishes& wishes) override {
    if (--left_ != 0) return runner.step(batch, wishes);
    StepBatch copies;
    copies.copies = batch.copies;
    runner.step(copies, {});
    throw std::bad_alloc();
  }

  std::atomic<int> left_ = 0;
};

TEST(ApiExceptions, AStepThatThrowsCostsWhatRunsAndNotTheServer) {
  ScarceModel model(*tiny_loaded_model().model);
  TestServerOptions options;
  options.model = &model;
  TestServer server(options);
  const Json asked = {{"prompt", "There is no memory for this"}, {"max_tokens", 8}};
  const Json expected = bits_of_answer(server.answer("/v1/completions", asked));
  Json streamed = asked;
  streamed["stream"] = true;
  for (int batch : {1, 2, 5}) {
    bool let_go = false;
    std::mutex mutex;
    std::condition_variable changed;
    server.wait_idle();
    model.fail_at(batch);
    server.send_for(std::make_shared<ThrowingClient>(1000, let_go, mutex, changed), "POST", "/v1/completions",
                    streamed.dump());
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return let_go; });  // as one whose answer breaks off
    }
    EXPECT_EQ(bits_of_answer(server.answer("/v1/completions", asked)), expected);
    server.wait_idle();
    EXPECT_EQ(server.pages_used(), 0);
  }
}

// Leaves while its prompts are read.
class LeavingClient final : public Responder {
 public:
  explicit LeavingClient(std::atomic<int>& asked, std::atomic<bool>& let_go)
      : asked_(asked), let_go_(let_go) {}
  ~LeavingClient() override { let_go_ = true; }
  void respond(HttpResponse) override {}
  void begin_stream(HttpResponse) override {}
  void write(std::string) override {}
  void end() override {}
  void on_gone(std::function<void()> callback) override { callback(); }
  bool gone() const override { return ++asked_ > 5; }

 private:
  std::atomic<int>& asked_;
  std::atomic<bool>& let_go_;
};

TEST(ApiExceptions, WorkForAClientThatLeavesEndsEarly) {
  TestServer server;
  Json body = {{"prompt", Json::array()}, {"max_tokens", 1}};
  for (int i = 0; i < 1000; ++i) body["prompt"].push_back("prompt " + std::to_string(i));
  std::atomic<int> asked = 0;
  std::atomic<bool> let_go = false;
  server.send_for(std::make_shared<LeavingClient>(asked, let_go), "POST", "/v1/completions", body.dump());
  while (!let_go) std::this_thread::yield();
  EXPECT_EQ(asked, 6) << "it is asked before each prompt, and no more once it has gone";
  server.wait_idle();
}

// A prompt that is begun is not done to its end either.
TEST(ApiExceptions, WorkOnOneLongPromptEndsEarly) {
  TestServer server;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += " word " + std::to_string(i);
  for (const auto& [path, body] :
       {std::pair<const char*, Json>{"/v1/completions", {{"prompt", text}}},
        {"/v1/chat/completions", {{"messages", {{{"role", "user"}, {"content", text}}}}}},
        {"/tokenize", {{"prompt", text}}}}) {
    std::atomic<int> asked = 0;
    std::atomic<bool> let_go = false;
    server.send_for(std::make_shared<LeavingClient>(asked, let_go), "POST", path, body.dump());
    while (!let_go) std::this_thread::yield();
    EXPECT_EQ(asked, 6) << path;
  }
  server.wait_idle();
}

}  // namespace
}  // namespace verbatim::server
