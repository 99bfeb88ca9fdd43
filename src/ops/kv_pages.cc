#include "ops/kv_pages.h"

#include <cstring>

namespace verbatim {

void KvPages::copy_page(std::int64_t from, std::int64_t to) {
  CHECK(from >= 0 && from < pages_ && to >= 0 && to < pages_, "page {} copied to {} of {}", from, to, pages_);
  std::memcpy(bytes_.data() + offset(to, 0, 0), bytes_.data() + offset(from, 0, 0),
              static_cast<std::size_t>(shape_.page_bytes()));
}

}  // namespace verbatim
