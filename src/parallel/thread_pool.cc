#include "parallel/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.h"

namespace verbatim {

// Workers wait for `epoch` to change, run the task, and count themselves out of `pending`. A step of the
// engine issues hundreds of operations back to back, so both sides spin for a moment before they sleep.
struct ThreadPool::Shared {
  static constexpr int kSpins = 4000;

  std::atomic<std::uint64_t> epoch{0};
  std::atomic<int> pending{0};
  std::atomic<bool> stop{false};
  const std::function<void(int)>* task = nullptr;
  std::mutex mutex;
  std::condition_variable work_ready, work_done;
  std::vector<std::thread> threads;

  static void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  void worker(int part) {
    std::uint64_t seen = 0;
    for (;;) {
      for (int i = 0; i < kSpins && epoch.load(std::memory_order_acquire) == seen; ++i) relax();
      if (epoch.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex);
        work_ready.wait(lock, [&] { return epoch.load(std::memory_order_acquire) != seen; });
      }
      ++seen;
      if (stop.load(std::memory_order_acquire)) return;
      (*task)(part);
      if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard lock(
            mutex);  // so that the caller cannot miss the signal between its test and its wait
        work_done.notify_one();
      }
    }
  }

  void advance() {
    {
      std::lock_guard lock(mutex);
      epoch.fetch_add(1, std::memory_order_acq_rel);
    }
    work_ready.notify_all();
  }
};

ThreadPool::ThreadPool(int threads) : size_(threads), shared_(std::make_unique<Shared>()) {
  CHECK(threads >= 1, "a thread pool needs at least one thread, not {}", threads);
  for (int part = 1; part < threads; ++part) {
    shared_->threads.emplace_back([shared = shared_.get(), part] { shared->worker(part); });
  }
}

ThreadPool::~ThreadPool() {
  shared_->stop.store(true, std::memory_order_release);
  shared_->advance();
  for (auto& thread : shared_->threads) thread.join();
}

void ThreadPool::run(const std::function<void(int)>& task) {
  if (size_ == 1) return task(0);
  shared_->task = &task;
  shared_->pending.store(size_ - 1, std::memory_order_release);
  shared_->advance();
  task(0);
  auto done = [&] { return shared_->pending.load(std::memory_order_acquire) == 0; };
  for (int i = 0; i < Shared::kSpins && !done(); ++i) Shared::relax();
  if (!done()) {
    std::unique_lock lock(shared_->mutex);
    shared_->work_done.wait(lock, done);
  }
}

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
