#include "schedule/block_pool.h"

#include "base/check.h"

namespace verbatim {

BlockPool::BlockPool(std::int64_t pages) : state_(static_cast<std::size_t>(pages)) {
  for (std::int64_t page = pages; page-- > 0;) free_.push_back(static_cast<PageId>(page));
}

const BlockPool::PageState& BlockPool::at(PageId page) const {
  CHECK(page >= 0 && page < pages(), "page {} of {}", page, pages());
  return state_[static_cast<std::size_t>(page)];
}

BlockPool::PageState& BlockPool::at(PageId page) {
  CHECK(page >= 0 && page < pages(), "page {} of {}", page, pages());
  return state_[static_cast<std::size_t>(page)];
}

std::optional<PageId> BlockPool::allocate() {
  if (free_.empty()) return std::nullopt;
  PageId page = free_.back();
  free_.pop_back();
  at(page).refs = 1;
  return page;
}

void BlockPool::share(PageId page) {
  PageState& state = at(page);
  CHECK(state.refs > 0 || state.cached, "page {} is free and cannot be shared", page);
  if (state.refs++ == 0) --reclaimable_;
}

void BlockPool::release(PageId page) {
  PageState& state = at(page);
  CHECK(state.refs > 0, "page {} is released more often than it was taken", page);
  if (--state.refs > 0) return;
  if (state.cached) {
    ++reclaimable_;
  } else {
    free_.push_back(page);
  }
}

void BlockPool::set_cached(PageId page) {
  PageState& state = at(page);
  CHECK(state.refs > 0 && !state.cached, "page {} (refs {}, cached {}) cannot enter the prefix index", page,
        state.refs, state.cached);
  state.cached = true;
}

void BlockPool::clear_cached(PageId page) {
  PageState& state = at(page);
  CHECK(state.cached, "page {} is not in the prefix index", page);
  state.cached = false;
  if (state.refs > 0) return;
  --reclaimable_;
  free_.push_back(page);
}

}  // namespace verbatim
