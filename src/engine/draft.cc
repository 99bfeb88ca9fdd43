#include "engine/draft.h"

#include <algorithm>

namespace verbatim {

void Draft::accept(std::int32_t token) {
  if (tokens_.empty()) return;
  last_.push_back(token);
  if (last_.size() > kAnchor) last_.erase(last_.begin());
  if (!lost_ && place_ < tokens_.size() && tokens_[place_] == token) {
    ++place_;
    ++run_;
    return;
  }
  lost_ = true;
  look_ahead();
}

void Draft::look_ahead() {
  if (last_.size() < kAnchor) return;
  auto found = std::search(tokens_.begin() + static_cast<std::ptrdiff_t>(place_), tokens_.end(),
                           last_.begin(), last_.end());
  if (found == tokens_.end()) return;
  place_ = static_cast<std::size_t>(found - tokens_.begin()) + kAnchor;
  run_ = 0;
  lost_ = false;
}

std::span<const std::int32_t> Draft::proposal() const {
  if (lost_) return {};
  std::span<const std::int32_t> rest = std::span(tokens_).subspan(place_);
  return rest.first(std::min(rest.size(), std::max(kFirst, 2 * run_)));
}

}  // namespace verbatim
