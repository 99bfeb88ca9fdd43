// Workers: a few threads that turn bodies into calls, so that neither the network nor the engine waits for a
// long prompt to be tokenised or a schema to be compiled. Those who ask are served in turn, each one's tasks in the order
// in which they came: who posts many delays himself.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace verbatim::server {

class Workers {
 public:
  explicit Workers(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  }
  // Runs what was posted, then ends.
  ~Workers() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void post(std::int64_t tenant, std::function<void()> task) {
    {
      std::lock_guard lock(mutex_);
      tasks_[tenant].push_back(std::move(task));
    }
    wake_.notify_one();
  }

 private:
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return ending_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      auto turn = tasks_.upper_bound(served_last_);
      if (turn == tasks_.end()) turn = tasks_.begin();
      served_last_ = turn->first;
      std::function<void()> task = std::move(turn->second.front());
      turn->second.pop_front();
      if (turn->second.empty()) tasks_.erase(turn);
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::int64_t, std::deque<std::function<void()>>> tasks_;  // by tenant; no queue is empty
  std::int64_t served_last_ = 0;                                     // tenant
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace verbatim::server
