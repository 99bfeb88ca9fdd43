// A server without a network: a tiny random model, a real engine thread, the API, and clients that wait.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "json/library.h"
#include "server/api.h"
#include "server/tiny_served_model.h"

namespace verbatim::server {

using Json = nlohmann::json;

// A conversation of one question.
inline const Json kMessages = Json::array({{{"role", "user"}, {"content", "Hello there"}}});

// One request as its client sees it: it waits for what comes, and may leave.
class ApiClient final : public Responder {
 public:
  void respond(HttpResponse response) override {
    std::lock_guard lock(mutex_);
    EXPECT_FALSE(begun_ || complete_) << "answered twice";
    response_ = std::move(response);
    complete_ = true;
    changed_.notify_all();
  }
  void begin_stream(HttpResponse head) override {
    std::lock_guard lock(mutex_);
    EXPECT_FALSE(begun_ || complete_) << "answered twice";
    response_ = std::move(head);
    begun_ = true;
  }
  void write(std::string piece) override {
    std::lock_guard lock(mutex_);
    EXPECT_TRUE(begun_ && !complete_) << "a piece outside of a stream";
    response_.body += piece;
    ++pieces_;
    changed_.notify_all();
  }
  void end() override {
    std::lock_guard lock(mutex_);
    EXPECT_TRUE(begun_ && !complete_) << "an end without a stream";
    complete_ = true;
    changed_.notify_all();
  }
  void on_gone(std::function<void()> callback) override {
    std::lock_guard lock(mutex_);
    gone_ = std::move(callback);
  }

  bool complete() {
    std::lock_guard lock(mutex_);
    return complete_;
  }
  // The whole answer.
  const HttpResponse& wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return complete_; });
    return response_;
  }
  void wait_for_pieces(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return pieces_ >= count || complete_; });
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
  bool begun_ = false, complete_ = false;
  int pieces_ = 0;
  std::function<void()> gone_;
};

struct TestServerOptions {
  EngineOptions engine{.schedule = {}, .kv_pages = 64};
  EngineThread::Options thread;
  std::int64_t context = 512;
  Model* model = nullptr;                     // in place of the tiny one; outlives the server
  const char* chat_template = kTinyTemplate;  // of the conversations
  std::optional<ReceiptSigner> signer;
  ApiOptions api;
};

class TestServer {
 public:
  explicit TestServer(TestServerOptions options = {}) {
    const LoadedModel& loaded = tiny_loaded_model();
    ServedModel model = tiny_served_model(options.chat_template);
    model.context = options.context;
    model.signer = options.signer;
    Model& computed = options.model != nullptr ? *options.model : *loaded.model;
    auto engine = Engine::create(computed, loaded.tokenizer.get(), options.engine);
    CHECK(engine.ok(), "{}", engine.error().message);
    thread_ = std::make_unique<EngineThread>(*std::move(engine), options.thread);
    api_ = std::make_unique<Api>(std::move(model), *thread_, options.api);
  }

  // Sends a request and does not wait.
  std::shared_ptr<ApiClient> send(const std::string& method, const std::string& path, std::string body = {},
                                  std::vector<Header> headers = {}) {
    auto client = std::make_shared<ApiClient>();
    send_for(client, method, path, std::move(body), std::move(headers));
    return client;
  }
  void send_for(std::shared_ptr<Responder> client, const std::string& method, const std::string& path,
                std::string body, std::vector<Header> headers = {}) {
    if (find_header(headers, "Content-Type") == nullptr)
      headers.emplace_back("Content-Type", "application/json");
    api_->handle({method, path, {}, std::move(headers), std::move(body), "test"}, std::move(client));
  }
  std::shared_ptr<ApiClient> post(const std::string& path, const Json& body,
                                  std::vector<Header> headers = {}) {
    return send("POST", path, body.dump(), std::move(headers));
  }
  HttpResponse ask(const std::string& path, const Json& body, std::vector<Header> headers = {}) {
    return post(path, body, std::move(headers))->wait();
  }
  HttpResponse get(const std::string& path) { return send("GET", path)->wait(); }
  // A body that must be answered with 200.
  Json answer(const std::string& path, const Json& body) {
    HttpResponse response = ask(path, body);
    EXPECT_EQ(response.status, 200) << response.body;
    return Json::parse(response.body);
  }
  // A body that must be refused: {"status", "message", "param", "code", "type"}
  Json refusal(const std::string& path, const Json& body, std::vector<Header> headers = {}) {
    HttpResponse response = ask(path, body, std::move(headers));
    Json error = Json::parse(response.body).value("error", Json::object());
    error["status"] = response.status;
    return error;
  }
  void wait_idle() {
    ASSERT_TRUE(thread_->wait_idle(std::chrono::steady_clock::now() + std::chrono::minutes(5)));
  }
  std::int64_t pages_used() {
    EngineStats stats = thread_->stats();
    return stats.pages - stats.pages_free - stats.pages_reclaimable;
  }

  void end_api() { api_.reset(); }

  EngineThread& engine() { return *thread_; }
  Api& api() { return *api_; }

 private:
  std::unique_ptr<EngineThread> thread_;
  std::unique_ptr<Api> api_;
};

struct StreamEvent {
  std::string id, name, data;
  Json json() const { return data == "[DONE]" ? Json() : Json::parse(data); }
};

// A stream's body cut into its events; comments are left out.
inline std::vector<StreamEvent> events_of(const std::string& body) {
  std::vector<StreamEvent> events;
  StreamEvent event;
  std::size_t at = 0;
  while (at < body.size()) {
    std::size_t end = body.find('\n', at);
    if (end == body.npos) {
      ADD_FAILURE() << "not a stream: " << body;
      return events;
    }
    std::string line = body.substr(at, end - at);
    at = end + 1;
    auto value = [&](std::string_view name) { return line.substr(name.size() + 2); };
    if (line.starts_with("id: ")) event.id = value("id");
    if (line.starts_with("event: ")) event.name = value("event");
    if (line.starts_with("data: ")) event.data = value("data");
    if (!line.empty()) continue;
    if (!event.data.empty()) events.push_back(event);
    event = {};
  }
  return events;
}

inline const std::string* header_of(const HttpResponse& response, std::string_view name) {
  return find_header(response.headers, name);
}

// Without what is not part of the answer: its id and time, and what made it fast.
inline Json bits_of_answer(Json body) {
  body.erase("id");
  body.erase("created");
  if (body.contains("usage") && body["usage"].is_object()) {
    body["usage"].erase("prompt_tokens_details");
    body["usage"].erase("completion_tokens_details");
  }
  return body;
}

}  // namespace verbatim::server
