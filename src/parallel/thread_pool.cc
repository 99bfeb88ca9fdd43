#include "parallel/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.h"

namespace verbatim {
namespace {

// One turn of a busy wait, polite to the other thread of the core.
#if defined(__x86_64__)
void relax() { __builtin_ia32_pause(); }
#elif defined(__aarch64__)
void relax() { asm volatile("yield"); }
#else
void relax() { std::this_thread::yield(); }
#endif

}  // namespace

// Workers wait for `epoch` to change, run the task, and count themselves out of `pending`. A step of the
// engine issues hundreds of operations back to back, so both sides spin for a moment before they sleep.
class ThreadPool::Workers {
 public:
  explicit Workers(int count) {
    threads_.reserve(static_cast<std::size_t>(count));
    try {
      for (int part = 1; part <= count; ++part) threads_.emplace_back([this, part] { work(part); });
    } catch (...) {  // the system has no thread left to give
      stop();
      throw;
    }
  }
  ~Workers() { stop(); }

  // Runs task(1) ... task(count) on the workers and task(0) here.
  void run(const std::function<void(int)>& task) noexcept {
    CHECK(!running_.exchange(true), "a thread pool was given work while it runs a task");
    task_ = &task;
    pending_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
    advance();
    task(0);
    auto done = [&] { return pending_.load(std::memory_order_acquire) == 0; };
    spin_until(done);
    if (!done()) {
      std::unique_lock lock(mutex_);
      work_done_.wait(lock, done);
    }
    running_.store(false);
  }

 private:
  static constexpr int kSpins = 4000;

  template <class Condition>
  static void spin_until(Condition condition) {
    for (int i = 0; i < kSpins && !condition(); ++i) relax();
  }

  void work(int part) noexcept {
    for (std::uint64_t seen = 0;; ++seen) {
      auto ready = [&] { return epoch_.load(std::memory_order_acquire) != seen; };
      spin_until(ready);
      if (!ready()) {
        std::unique_lock lock(mutex_);
        work_ready_.wait(lock, ready);
      }
      if (task_ == nullptr) return;
      (*task_)(part);
      if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard lock(mutex_);  // the caller is not between its test and its wait
        work_done_.notify_one();
      }
    }
  }

  // Shows the workers what was written before: `task_` and `pending_`.
  void advance() {
    {
      std::lock_guard lock(mutex_);  // no worker is between its test and its wait
      epoch_.fetch_add(1, std::memory_order_release);
    }
    work_ready_.notify_all();
  }

  void stop() {
    task_ = nullptr;
    advance();
    for (auto& thread : threads_) thread.join();
  }

  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<int> pending_{0};
  std::atomic<bool> running_{false};
  const std::function<void(int)>* task_ = nullptr;  // of this epoch; none: stop
  std::mutex mutex_;
  std::condition_variable work_ready_, work_done_;
  std::vector<std::thread> threads_;
};

ThreadPool::ThreadPool(int threads) : size_(threads) {
  CHECK(threads >= 1, "a thread pool needs at least one thread, not {}", threads);
  workers_ = std::make_unique<Workers>(threads - 1);
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::run(const std::function<void(int)>& task) { workers_->run(task); }

void ThreadPool::for_range(std::int64_t count, std::int64_t grain,
                           const std::function<void(std::int64_t, std::int64_t, int)>& body) {
  CHECK(grain >= 1, "a range cannot be cut in grains of {}", grain);
  std::int64_t grains = (count + grain - 1) / grain;
  if (grains <= 1 || size_ == 1) {
    if (count > 0) body(0, count, 0);
    return;
  }
  run([&](int part) {
    std::int64_t begin = grains * part / size_ * grain;
    std::int64_t end = std::min(count, grains * (part + 1) / size_ * grain);
    if (begin < end) body(begin, end, part);
  });
}

}  // namespace verbatim
