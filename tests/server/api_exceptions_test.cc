// An exception that escapes from the work on a request costs that request, wherever it is thrown.
#include <gtest/gtest.h>

#include <stdexcept>

#include "api_fixture.h"

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

}  // namespace
}  // namespace verbatim::server
