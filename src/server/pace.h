// Pace: how fast answers end, as far as the last of them tell. For Retry-After; no answer depends on it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace verbatim::server {

class Pace {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Pace(Time now) : times_{now} {}
  // Work begins after there was none.
  void restart(Time now) { times_.assign(1, now); }
  // An answer ended.
  void count(Time now) {
    times_.push_back(now);
    if (times_.size() > kRemembered) times_.pop_front();
  }
  // How long `answers` of them take to end, as if one more ended now; in whole seconds from 1 to 60.
  std::chrono::seconds time_for(std::int64_t answers, Time now) const {
    auto each = std::chrono::duration<double>(now - times_.front()) / static_cast<double>(times_.size());
    double seconds = each.count() * static_cast<double>(answers);
    return std::chrono::seconds(static_cast<int>(std::clamp(seconds + 1, 1.0, 60.0)));
  }

 private:
  static constexpr std::size_t kRemembered = 64;
  std::deque<Time> times_;  // the beginning, or the oldest end that is remembered; then ends
};

}  // namespace verbatim::server
