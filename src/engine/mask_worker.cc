#include "engine/mask_worker.h"

#include <new>
#include <utility>

namespace verbatim {

MaskWorker::~MaskWorker() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
    posted_.clear();
  }
  posted_cv_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void MaskWorker::post(Key key, MaskJob job) {
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  {
    std::lock_guard lock(mutex_);
    posted_.push_back({key, std::move(job)});
  }
  posted_cv_.notify_one();
}

void MaskWorker::forget(Key key) {
  std::lock_guard lock(mutex_);
  std::erase_if(posted_, [key](const Posted& posted) { return posted.key == key; });
}

std::vector<MaskWorker::Done> MaskWorker::take_done() {
  std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

void MaskWorker::wait_for(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  done_cv_.wait_for(lock, most, [this] { return !done_.empty(); });
}

void MaskWorker::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    posted_cv_.wait(lock, [this] { return ending_ || !posted_.empty(); });
    if (ending_) return;
    const Posted next = std::move(posted_.front());
    posted_.pop_front();
    lock.unlock();
    std::shared_ptr<const TokenBits> mask;
    try {
      mask = next.job.run();
    } catch (const std::bad_alloc&) {  // the engine asks again, or the client leaves
    }
    lock.lock();
    done_.push_back({next.key, std::move(mask)});
    done_cv_.notify_one();
  }
}

}  // namespace verbatim
