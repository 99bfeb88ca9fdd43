// What a client waits for its first token while another one, with another key, does its worst; and what the worst holds in
// memory. The built-in model, a server without a network. One run a scenario, not a loop: the counters are
//   alone_ms, beside_ms   the longest of 40 waits for one token of a short prompt, without and with the other
//   added_MiB             resident memory at its most, over what it was before the other came
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/loaded_model.h"
#include "server/api.h"

namespace verbatim::server {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

class Client final : public Responder {
 public:
  void respond(HttpResponse response) override {
    std::lock_guard lock(mutex_);
    response_ = std::move(response);
    done_ = true;
    changed_.notify_all();
  }
  void begin_stream(HttpResponse) override {}
  void write(std::string) override {}
  void end() override { respond({}); }
  void on_gone(std::function<void()> callback) override {
    std::lock_guard lock(mutex_);
    gone_ = std::move(callback);
  }
  const HttpResponse& wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
    return response_;
  }
  void leave() {
    std::function<void()> callback;
    {
      std::lock_guard lock(mutex_);
      callback = std::move(gone_);
    }
    if (callback) callback();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  HttpResponse response_;
  bool done_ = false;
  std::function<void()> gone_;
};

class Server {
 public:
  Server() {
    ServedModel model;
    model.loaded = loaded_.get();
    model.names = {"storyteller"};
    model.context = loaded_->context;
    model.formats = std::make_shared<ResponseFormats>(*loaded_->tokenizer);
    EngineOptions options;
    options.kv_pages = 64 * 8;
    options.schedule.max_step_tokens = 128;  // as `verbatim serve` has it for this model
    auto engine = Engine::create(*loaded_->model, *loaded_->backend, loaded_->tokenizer.get(), options);
    CHECK(engine.ok(), "{}", engine.error().message);
    thread_ = std::make_unique<EngineThread>(*std::move(engine), EngineThread::Options{});
    api_ = std::make_unique<Api>(std::move(model), *thread_, ApiOptions{});
  }

  ~Server() { thread_->stop(); }  // what still runs speaks to the API

  std::shared_ptr<Client> post(std::size_t key, const std::string& path, std::string body) {
    auto client = std::make_shared<Client>();
    HttpRequest request{"POST", path, {}, {{"Content-Type", "application/json"}}, std::move(body), "bench"};
    request.key = key;
    api_->handle(std::move(request), client);
    return client;
  }

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  static std::unique_ptr<LoadedModel> load() {
    ModelChoice choice;
    choice.path = "storyteller";
    auto loaded = load_model(choice);
    CHECK(loaded.ok(), "{}", loaded.error().message);
    return *std::move(loaded);
  }

  std::unique_ptr<LoadedModel> loaded_ = load();
  std::unique_ptr<EngineThread> thread_;
  std::unique_ptr<Api> api_;
};

// The longest of 40 waits, 5 ms apart.
double longest_wait_ms(Server& server) {
  double longest = 0;
  for (int i = 0; i < 40; ++i) {
    const auto begin = Clock::now();
    const Json body = {{"prompt", "Once upon a time " + std::to_string(i)}, {"max_tokens", 1}};
    const auto client = server.post(1, "/v1/completions", body.dump());
    CHECK(client->wait().status == 200, "{}", client->wait().body);
    longest = std::max(longest, std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return longest;
}

double resident_mib() {
  std::int64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

std::string words(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "word" + std::to_string(i % 97) + ' ';
  return text;
}

struct Abuse {
  std::string path, body;
  int times = 1;
};

Abuse list_of_prompts() {
  Json body = {{"prompt", Json::array()}, {"max_tokens", 500}, {"ignore_eos", true}};
  for (int i = 0; i < 1000; ++i) body["prompt"].push_back("Prompt " + std::to_string(i));
  return {"/v1/completions", body.dump()};
}

Abuse long_prompts() {
  const Json body = {{"prompt", words(280)}, {"max_tokens", 100}, {"ignore_eos", true}};
  return {"/v1/completions", body.dump(), 64};
}

Abuse scores() {
  Json body = {{"input", Json::array()}, {"top_logprobs", 20}};
  for (int i = 0; i < 200; ++i) body["input"].push_back(words(200) + std::to_string(i));
  return {"/v1/score", body.dump()};
}

Abuse keys_of_objects() {
  Json body = {{"prompt", "x"}, {"metadata", Json::object()}};
  for (int i = 0; i < 60'000; ++i) body["metadata"]["key" + std::to_string(i)] = i;
  return {"/v1/completions", body.dump(), 20};
}

Abuse deep_nesting() {
  return {"/v1/completions",
          R"({"prompt":"x","metadata":)" + std::string(500'000, '[') + std::string(500'000, ']') + "}", 20};
}

Abuse hard_schemas() {
  const Json string = {{"type", "string"}, {"pattern", "(a|b|aa|bb|ab|ba){1,40}[a-z]{0,40}(c|d){1,20}"}};
  Json properties = Json::object();
  for (int i = 0; i < 12; ++i) properties["p" + std::to_string(i)] = string;
  const Json schema = {{"type", "object"}, {"properties", properties}, {"additionalProperties", string}};
  const Json format = {{"type", "json_schema"}, {"json_schema", {{"name", "hard"}, {"schema", schema}}}};
  const Json body = {{"prompt", "x"}, {"max_tokens", 400}, {"n", 16}, {"response_format", format}};
  return {"/v1/completions", body.dump()};
}

void neighbour(benchmark::State& state, Abuse (*make)()) {
  const Abuse abuse = make();
  for (auto _ : state) {
    Server server;
    longest_wait_ms(server);  // pages and caches are touched
    const double alone = longest_wait_ms(server), before = resident_mib();
    std::vector<std::shared_ptr<Client>> crowd;
    for (int i = 0; i < abuse.times; ++i) crowd.push_back(server.post(0, abuse.path, abuse.body));
    std::atomic<bool> watching = true;
    double most = before;
    std::thread watch([&] {
      for (; watching; std::this_thread::sleep_for(std::chrono::milliseconds(2)))
        most = std::max(most, resident_mib());
    });
    state.counters["alone_ms"] = alone;
    state.counters["beside_ms"] = longest_wait_ms(server);
    watching = false;
    watch.join();
    state.counters["added_MiB"] = most - before;
    for (const auto& client : crowd) client->leave();
  }
}

BENCHMARK_CAPTURE(neighbour, list_of_prompts, list_of_prompts)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, long_prompts, long_prompts)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, scores, scores)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, keys_of_objects, keys_of_objects)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, deep_nesting, deep_nesting)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, hard_schemas, hard_schemas)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace verbatim::server
