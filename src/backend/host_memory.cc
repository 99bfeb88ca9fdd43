#include "backend/host_memory.h"

#include <cstring>

#include "base/aligned_buffer.h"

namespace verbatim {

std::byte* HostMemory::allocate(std::size_t bytes) { return static_cast<std::byte*>(allocate_zeroed(bytes)); }
void HostMemory::release(std::byte* data, std::size_t bytes) noexcept { verbatim::release(data, bytes); }
void HostMemory::write(std::byte* to, std::span<const std::byte> from) {
  std::memcpy(to, from.data(), from.size());
}
void HostMemory::read(const std::byte* from, std::span<std::byte> to) {
  std::memcpy(to.data(), from, to.size());
}
void HostMemory::copy(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  std::memcpy(to, from, bytes);
}

Memory& host_memory() {
  static HostMemory memory;
  return memory;
}

}  // namespace verbatim
