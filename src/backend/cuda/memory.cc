#include <algorithm>
#include <cstring>

#include "backend/cuda/check.h"
#include "backend/cuda/memory.h"

namespace verbatim::cuda {

DeviceMemory::DeviceMemory(int device) {
  check(cudaSetDevice(device), "choosing the device");
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
  check(cudaMallocHost(reinterpret_cast<void**>(&staging_), kStaging), "pinned memory");
}

DeviceMemory::~DeviceMemory() {
  cudaFreeHost(staging_);
  cudaStreamDestroy(stream_);
}

std::byte* DeviceMemory::allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* made = nullptr;
  check_memory(cudaMallocAsync(&made, bytes, stream_), "memory of the device");
  check(cudaMemsetAsync(made, 0, bytes, stream_), "zeroing");
  return static_cast<std::byte*>(made);
}

// In the order of the stream: what was enqueued before still finds it.
void DeviceMemory::release(std::byte* data, std::size_t) noexcept { cudaFreeAsync(data, stream_); }

void DeviceMemory::wait() {
  check(cudaStreamSynchronize(stream_), "waiting");
  staged_ = 0;
}

// Through pinned memory, so that the copy is enqueued and `from` may go away.
void DeviceMemory::write(std::byte* to, std::span<const std::byte> from) {
  while (!from.empty()) {
    if (staged_ == kStaging) wait();
    const std::size_t n = std::min(from.size(), kStaging - staged_);
    std::memcpy(staging_ + staged_, from.data(), n);
    check(cudaMemcpyAsync(to, staging_ + staged_, n, cudaMemcpyHostToDevice, stream_), "writing");
    staged_ += n, to += n, from = from.subspan(n);
  }
}

void DeviceMemory::read(const std::byte* from, std::span<std::byte> to) {
  check(cudaMemcpyAsync(to.data(), from, to.size(), cudaMemcpyDeviceToHost, stream_), "reading");
  wait();
}

void DeviceMemory::copy(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "copying");
}

}  // namespace verbatim::cuda
