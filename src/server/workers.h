// Workers: a few threads that turn bodies into calls, so that neither the network nor the engine waits for a
// long prompt to be tokenised or a schema to be compiled. Where processors are few, the engine's threads come first: every
// answer waits for them. Those who ask are served in turn, each one's tasks in the order in which they came, and one thread
// is left to others: who posts many, or large ones, delays himself.
#pragma once

#include <sys/resource.h>

#include <algorithm>
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
    std::lock_guard lock(mutex_);  // they look at threads_
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
  static constexpr int kNiceness = 10;  // a tenth of a processor beside a thread that wants all of it

  void run() {
    ::setpriority(PRIO_PROCESS, 0, kNiceness);  // of this thread (Linux); without effect nothing is wrong
    for (;;) {
      std::unique_lock lock(mutex_);
      auto turn = tasks_.end();
      wake_.wait(lock, [&] { return (turn = next()) != tasks_.end() || (ending_ && tasks_.empty()); });
      if (turn == tasks_.end()) return;
      const std::int64_t tenant = served_last_ = turn->first;
      std::function<void()> task = std::move(turn->second.front());
      turn->second.pop_front();
      if (turn->second.empty()) tasks_.erase(turn);
      ++busy_[tenant];
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
      if (--busy_[tenant] == 0) busy_.erase(tenant);
      wake_.notify_all();
    }
  }

  // Whose turn it is, after who was served last; the end: nobody's who has not all threads but one.
  std::map<std::int64_t, std::deque<std::function<void()>>>::iterator next() {
    const int most = std::max(static_cast<int>(threads_.size()) - 1, 1);
    auto turn = tasks_.upper_bound(served_last_);
    for (std::size_t i = 0; i < tasks_.size(); ++i, ++turn) {
      if (turn == tasks_.end()) turn = tasks_.begin();
      auto busy = busy_.find(turn->first);
      if (busy == busy_.end() || busy->second < most) return turn;
    }
    return tasks_.end();
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::int64_t, std::deque<std::function<void()>>> tasks_;  // by tenant; no queue is empty
  std::map<std::int64_t, int> busy_;                                 // threads, by tenant; none is 0
  std::int64_t served_last_ = 0;                                     // tenant
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace verbatim::server
