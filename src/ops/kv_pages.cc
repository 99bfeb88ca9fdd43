#include "ops/kv_pages.h"

namespace verbatim {

void KvCache::copy_page(PageCopy copy) noexcept {
  CHECK(copy.from >= 0 && copy.from < pages_.pages && copy.to >= 0 && copy.to < pages_.pages,
        "page {} copied to {} of {}", copy.from, copy.to, pages_.pages);
  memory_.copy(reinterpret_cast<std::byte*>(pages_.page(copy.to)),
               reinterpret_cast<const std::byte*>(pages_.page(copy.from)),
               static_cast<std::size_t>(pages_.shape.page_bytes()));
}

}  // namespace verbatim
