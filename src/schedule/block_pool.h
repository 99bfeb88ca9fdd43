// BlockPool: who uses which page of the KV cache (ops/kv_pages.h). It counts; it touches no memory.
//
// A page is free, or used by `refs` sequences, or cached: held by the prefix index so that later requests may
// share it. A cached page that no sequence uses is reclaimable: the index can give it up. Free pages are
// handed out last in, first out; which page holds a block cannot be seen in any bit.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace verbatim {

using PageId = std::int32_t;

class BlockPool {
 public:
  explicit BlockPool(std::int64_t pages);

  // A page with refs 1; nullopt when none is free (reclaimable pages are not looked at).
  std::optional<PageId> allocate();
  void share(PageId page);    // one more user.  REQUIRES: the page is not free
  void release(PageId page);  // one user less; free when it has none and is not cached

  void set_cached(PageId page);    // REQUIRES: used, not cached
  void clear_cached(PageId page);  // free when it has no users.  REQUIRES: cached

  std::int32_t refs(PageId page) const { return at(page).refs; }
  bool cached(PageId page) const { return at(page).cached; }
  // One sequence alone sees the page, so it may write there.
  bool writable(PageId page) const { return at(page).refs == 1 && !at(page).cached; }

  std::int64_t pages() const { return static_cast<std::int64_t>(state_.size()); }
  std::int64_t free() const { return static_cast<std::int64_t>(free_.size()); }
  std::int64_t reclaimable() const { return reclaimable_; }
  std::int64_t available() const { return free() + reclaimable(); }

 private:
  struct PageState {
    std::int32_t refs = 0;
    bool cached = false;
  };
  const PageState& at(PageId page) const;
  PageState& at(PageId page);

  std::vector<PageState> state_;
  std::vector<PageId> free_;
  std::int64_t reclaimable_ = 0;  // cached, refs 0
};

}  // namespace verbatim
