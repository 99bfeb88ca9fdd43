// BodyBudget: a bound on the memory that the bodies of all requests together hold, from their first byte until the
// API has read them.
//
// What counts are bytes that have arrived: a client that only announces a large body takes nothing from the others.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "base/check.h"

namespace verbatim::server {

class BodyBudget {
 public:
  explicit BodyBudget(std::size_t bytes) : bytes_(bytes) {}

  std::size_t bytes() const { return bytes_; }
  std::size_t held() const { return held_; }

 private:
  friend class BodyShare;
  const std::size_t bytes_;
  std::atomic<std::size_t> held_{0};
};

// What one body holds of it; gives that back at its end, on any thread.
class BodyShare {
 public:
  explicit BodyShare(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;
  ~BodyShare() { budget_->held_ -= bytes_; }

  // False: there is not so much left, and the share is what it was.  REQUIRES: bytes is not less than before
  bool grow_to(std::size_t bytes) {
    CHECK(bytes >= bytes_, "a body of {} bytes shrank to {}", bytes_, bytes);
    std::size_t more = bytes - bytes_;
    if (budget_->held_.fetch_add(more) + more > budget_->bytes_) {
      budget_->held_ -= more;
      return false;
    }
    bytes_ = bytes;
    return true;
  }

 private:
  const std::shared_ptr<BodyBudget> budget_;
  std::size_t bytes_ = 0;
};

}  // namespace verbatim::server
