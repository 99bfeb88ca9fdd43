// MemoryBudget: a bound on the memory that clients make the server hold: the bodies of all requests together, from their
// first byte until the API has read them; and all answers, from their prompts until the client has taken them.
//
// What counts are bytes that are here: a client that only announces a large body takes nothing from the others.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace verbatim::server {

class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t bytes) : bytes_(bytes) {}

  std::size_t bytes() const { return bytes_; }
  std::size_t held() const { return held_; }

 private:
  friend class MemoryShare;
  const std::size_t bytes_;
  std::atomic<std::size_t> held_{0};
};

// What one request holds of it; gives that back at its end, on any thread. Used by one thread at a time.
class MemoryShare {
 public:
  // free: so many bytes of it do not count: who needs little is not refused for those who need much
  explicit MemoryShare(std::shared_ptr<MemoryBudget> budget, std::size_t free = 0)
      : budget_(std::move(budget)), free_(free) {}
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;
  ~MemoryShare() { budget_->held_ -= counted_; }

  // It holds so many bytes from now on. False: there are not so many left, and the share is what it was.
  bool hold(std::size_t bytes) {
    const std::size_t wanted = bytes - std::min(bytes, free_);
    if (wanted <= counted_) {
      budget_->held_ -= counted_ - wanted;
    } else if (const std::size_t more = wanted - counted_;
               budget_->held_.fetch_add(more) + more > budget_->bytes_) {
      budget_->held_ -= more;
      return false;
    }
    counted_ = wanted;
    return true;
  }

  const MemoryBudget& budget() const { return *budget_; }

 private:
  const std::shared_ptr<MemoryBudget> budget_;
  const std::size_t free_;
  std::size_t counted_ = 0;
};

}  // namespace verbatim::server
