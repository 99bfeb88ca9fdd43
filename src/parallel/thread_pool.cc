#include "parallel/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/float_environment.h"

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

// A run is an epoch. Workers wait for `epoch` to change; then every thread takes its own part, and after it the parts
// that nobody has taken yet, and counts each out of `pending`. So a run never waits for a thread that has not begun: where
// processors are fewer than threads, or busy with other programs, those that do run do the work.
//
// A step of the engine issues hundreds of operations back to back, so both sides spin for some microseconds; then they
// let others have the processor, and soon they sleep.
class ThreadPool::Workers {
 public:
  explicit Workers(int count) : taken_(static_cast<std::size_t>(count) + 1) {
    threads_.reserve(static_cast<std::size_t>(count));
    try {
      for (int part = 1; part <= count; ++part) threads_.emplace_back([this, part] { work(part); });
    } catch (...) {  // the system has no thread left to give
      stop();
      throw;
    }
  }
  ~Workers() { stop(); }

  void run(const std::function<void(int)>& task) noexcept {
    CHECK(!running_.exchange(true), "a thread pool was given work while it runs a task");
    task_ = &task;
    pending_.store(static_cast<int>(taken_.size()), std::memory_order_relaxed);
    const std::uint64_t epoch = advance();
    take_parts(0, epoch);
    auto done = [&] { return pending_.load(std::memory_order_acquire) == 0; };
    wait_a_moment_for(done);
    if (!done()) {
      std::unique_lock lock(mutex_);
      work_done_.wait(lock, done);
    }
    running_.store(false);
  }

 private:
  // A pause takes 10 to 50 ns; a yield about 0.3 us where nobody else wants the processor.
  static constexpr int kPauses = 100, kYields = 100;

  template <class Condition>
  static void wait_a_moment_for(Condition condition) {
    for (int i = 0; i < kPauses && !condition(); ++i) relax();
    for (int i = 0; i < kYields && !condition(); ++i) std::this_thread::yield();
  }

  // taken_[part] is the last epoch whose part was taken. A worker that comes late finds all parts of its epoch taken,
  // whatever has begun since; and while one is not done, its epoch goes on and `task_` is its task.
  bool take(std::size_t part, std::uint64_t epoch) {
    std::uint64_t before = epoch - 1;
    return taken_[part].compare_exchange_strong(before, epoch, std::memory_order_acq_rel);
  }

  void take_parts(std::size_t own, std::uint64_t epoch) {
    for (std::size_t i = 0; i < taken_.size(); ++i) {
      const std::size_t part = (own + i) % taken_.size();
      if (!take(part, epoch)) continue;
      (*task_)(static_cast<int>(part));
      if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard lock(mutex_);  // the caller is not between its test and its wait
        work_done_.notify_one();
      }
    }
  }

  void work(int part) noexcept {
    require_subnormals();
    for (std::uint64_t seen = 0;;) {
      auto ready = [&] { return epoch_.load(std::memory_order_acquire) != seen; };
      wait_a_moment_for(ready);
      if (!ready()) {
        std::unique_lock lock(mutex_);
        work_ready_.wait(lock, ready);
      }
      seen = epoch_.load(std::memory_order_acquire);
      if (stopping_.load(std::memory_order_relaxed)) return;
      take_parts(static_cast<std::size_t>(part), seen);
    }
  }

  // Shows the workers what was written before: `task_` and `pending_`, or `stopping_`.
  std::uint64_t advance() {
    std::uint64_t epoch;
    {
      std::lock_guard lock(mutex_);  // no worker is between its test and its wait
      epoch = epoch_.fetch_add(1, std::memory_order_release) + 1;
    }
    work_ready_.notify_all();
    return epoch;
  }

  void stop() {
    stopping_.store(true, std::memory_order_relaxed);
    advance();
    for (auto& thread : threads_) thread.join();
  }

  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<int> pending_{0};  // parts that are not done
  std::atomic<bool> running_{false}, stopping_{false};
  const std::function<void(int)>* task_ = nullptr;  // of this epoch
  std::vector<std::atomic<std::uint64_t>> taken_;   // (parts)
  std::mutex mutex_;
  std::condition_variable work_ready_, work_done_;
  std::vector<std::thread> threads_;
};

ThreadPool::ThreadPool(int threads) : size_(threads) {
  require_subnormals();
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
