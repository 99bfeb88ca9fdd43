// What a client waits for its first token while another one, with another key, does its worst; and what the worst holds in
// memory. The built-in model, a server without a network, 16 MiB for all answers. One run a scenario, not a loop: the
// counters are
//   alone_ms, beside_ms   the longest of 40 waits for one token of a short prompt, without and with the other
//   idle_MiB              resident memory before the other comes, KV pages aside, which were all touched
//   added_MiB             what it was at its most over that, until the other has its answers, or for 8 seconds
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>

#include "engine/loaded_model.h"
#include "json/library.h"
#include "parallel/processors.h"
#include "server/api.h"

namespace verbatim::server {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

class Client final : public Responder {
 public:
  // reads: takes its body as fast as it is written; or never
  explicit Client(bool reads = true) : reads_(reads) {}

  void respond(HttpResponse response) override {
    std::lock_guard lock(mutex_);
    response_ = std::move(response);
    done_ = true;
    changed_.notify_all();
  }
  void respond_in_pieces(HttpResponse head, BodyPieces body) override {
    if (!reads_) {
      std::lock_guard lock(mutex_);
      unread_.emplace(std::move(body));
      return changed_.notify_all();
    }
    // Of a long body the beginning is enough.
    for (std::string piece; body.next(piece);)
      if (head.body.empty()) head.body = std::move(piece);
    respond(std::move(head));
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
  void wait_until(Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [this] { return done_ || unread_; });
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
  const bool reads_;
  std::optional<BodyPieces> unread_;
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
    options.kv_pages = kPages;
    options.schedule.max_step_tokens = 96;  // as `verbatim serve` has it for this model
    auto engine = Engine::create(*loaded_->model, loaded_->tokenizer.get(), options);
    CHECK(engine.ok(), "{}", engine.error().message);
    thread_ = std::make_unique<EngineThread>(*std::move(engine), EngineThread::Options{});
    ApiOptions api;
    api.answer_memory = std::make_shared<MemoryBudget>(std::size_t{16} << 20);
    api_ = std::make_unique<Api>(std::move(model), *thread_, std::move(api));
  }

  static constexpr std::int64_t kPages = 64 * 8;
  double kv_mib() const {
    return static_cast<double>(kPages * loaded_->model->kv_shape().page_bytes()) / (1 << 20);
  }

  std::shared_ptr<Client> post(std::size_t key, const std::string& path, std::string body,
                               bool reads = true) {
    auto client = std::make_shared<Client>(reads);
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
    choice.threads = usable_processors();  // as `verbatim serve` has it
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

void touch_all_pages(Server& server) {
  Json body = {{"input", Json::array()}};
  for (int i = 0; i < 64; ++i) body["input"].push_back(std::to_string(i) + words(330));
  const auto client = server.post(1, "/v1/score", body.dump());
  CHECK(client->wait().status == 200, "{}", client->wait().body);
}

struct Abuse {
  std::string path, body;
  int times = 1;
  bool reads = true;  // the answers
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
  for (int i = 0; i < 150; ++i) body["input"].push_back(words(200) + std::to_string(i));
  return {"/v1/score", body.dump()};
}

Abuse scores_too_many_to_hold() {
  Json body = {{"input", Json::array()}, {"top_logprobs", 20}};
  for (int i = 0; i < 1000; ++i) body["input"].push_back(words(200) + std::to_string(i));
  return {"/v1/score", body.dump(), 3};
}

Abuse slow_readers() {
  Json body = {{"input", Json::array()}, {"top_logprobs", 20}};
  for (int i = 0; i < 20; ++i) body["input"].push_back(words(200) + std::to_string(i));
  return {"/v1/score", body.dump(), 20, false};
}

Abuse stream_of_many() {
  Json body = {{"prompt", Json::array()}, {"max_tokens", 60}, {"ignore_eos", true},
               {"stream", true},          {"echo", true},     {"logprobs", 5}};
  for (int i = 0; i < 256; ++i) body["prompt"].push_back("Prompt " + std::to_string(i));
  return {"/v1/completions", body.dump()};
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
    touch_all_pages(server);
    const double alone = longest_wait_ms(server), before = resident_mib();
    std::vector<std::shared_ptr<Client>> crowd;
    for (int i = 0; i < abuse.times; ++i)
      crowd.push_back(server.post(0, abuse.path, abuse.body, abuse.reads));
    std::atomic<bool> watching = true;
    double most = before;
    std::thread watch([&] {
      for (; watching; std::this_thread::sleep_for(std::chrono::milliseconds(2)))
        most = std::max(most, resident_mib());
    });
    state.counters["alone_ms"] = alone;
    state.counters["beside_ms"] = longest_wait_ms(server);
    const auto deadline = Clock::now() + std::chrono::seconds(8);
    for (const auto& client : crowd) client->wait_until(deadline);
    watching = false;
    watch.join();
    state.counters["idle_MiB"] = before - server.kv_mib();
    state.counters["added_MiB"] = most - before;
    for (const auto& client : crowd) client->leave();
  }
}

BENCHMARK_CAPTURE(neighbour, list_of_prompts, list_of_prompts)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, long_prompts, long_prompts)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, scores, scores)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, scores_too_many, scores_too_many_to_hold)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, slow_readers, slow_readers)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, stream_of_many, stream_of_many)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, keys_of_objects, keys_of_objects)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, deep_nesting, deep_nesting)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(neighbour, hard_schemas, hard_schemas)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace verbatim::server
