// A server under test, and the requests that reach its handler: a test takes each and answers it when it likes.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <regex>
#include <string>
#include <thread>
#include <utility>

#include "http_client.h"
#include "server/http_server.h"

namespace verbatim::server {

// Something that happens a number of times, on any thread.
class Event {
 public:
  void happen() {
    std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  int count() {
    std::lock_guard lock(mutex_);
    return count_;
  }
  // Returns the count once it is `times` or more.
  int wait(int times = 1) {
    std::unique_lock lock(mutex_);
    bool happened =
        changed_.wait_for(lock, std::chrono::seconds(kPatience.tv_sec), [&] { return count_ >= times; });
    EXPECT_TRUE(happened) << "happened " << count_ << " times, not " << times;
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

struct ReceivedCall {
  HttpRequest request;
  std::shared_ptr<Responder> responder;
};

// The requests that reached the handler and were not taken yet.
class Inbox {
 public:
  HttpHandler handler() {
    return [this](HttpRequest request, std::shared_ptr<Responder> responder) {
      std::lock_guard lock(mutex_);
      calls_.push_back({std::move(request), std::move(responder)});
      arrived_.notify_all();
    };
  }
  ReceivedCall next() {
    std::unique_lock lock(mutex_);
    bool arrived =
        arrived_.wait_for(lock, std::chrono::seconds(kPatience.tv_sec), [&] { return !calls_.empty(); });
    CHECK(arrived, "no request reached the handler");
    ReceivedCall call = std::move(calls_.front());
    calls_.pop_front();
    return call;
  }
  bool empty() {
    std::lock_guard lock(mutex_);
    return calls_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<ReceivedCall> calls_;
};

// Predicates of a text, for EXPECT_PRED2.
inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}
inline bool lacks(const std::string& text, const std::string& part) { return !contains(text, part); }
inline bool matches(const std::string& text, const std::string& pattern) {
  return std::regex_search(text, std::regex(pattern));
}

// What this process has open, and runs.
inline int entries_of(const char* path) {
  int count = 0;
  DIR* folder = ::opendir(path);
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}
inline int files_open() { return entries_of("/proc/self/fd"); }
inline int threads_running() { return entries_of("/proc/self/task"); }

// Whether it becomes true soon. For what is counted, or taken off a list, a moment after the event that a test sees.
template <class Condition>
bool eventually(Condition condition) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  return condition();
}

inline HttpServerOptions on_free_port() {
  HttpServerOptions options;
  options.port = 0;
  options.allowed_hosts = {"x", "test"};
  return options;
}

inline std::unique_ptr<HttpServer> start(HttpServerOptions options, HttpHandler handler) {
  auto server = HttpServer::create(std::move(options), std::move(handler));
  CHECK(server.ok(), "{}", server.error().message);
  return *std::move(server);
}

// The head of a stream.
inline const HttpResponse kEvents{200, {{"Content-Type", "text/event-stream"}}, ""};

inline HttpResponse text(std::string body, int status = 200) {
  return {status, {{"Content-Type", "text/plain"}}, std::move(body)};
}

// Answers every request at once, with its method, path, query and body.
inline void echo(HttpRequest request, std::shared_ptr<Responder> responder) {
  responder->respond(
      text(fmt::format("{} {} {} {}", request.method, request.path, request.query, request.body)));
}

}  // namespace verbatim::server
