#include "base/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace verbatim {
namespace {
// From this size on memory comes from mmap: already zero, and eligible for 2 MiB pages.
constexpr std::size_t kMapThreshold = std::size_t{2} << 20;
}  // namespace

void* allocate_zeroed(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  if (bytes >= kMapThreshold) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    madvise(p, bytes, MADV_HUGEPAGE);  // advice: failure changes speed only
    return p;
  }
  std::size_t rounded = (bytes + 63) / 64 * 64;
  void* p = std::aligned_alloc(64, rounded);
  if (p == nullptr) throw std::bad_alloc();
  std::memset(p, 0, rounded);
  return p;
}

void release(void* data, std::size_t bytes) {
  if (data == nullptr) return;
  if (bytes >= kMapThreshold) {
    munmap(data, bytes);
  } else {
    std::free(data);
  }
}

}  // namespace verbatim
