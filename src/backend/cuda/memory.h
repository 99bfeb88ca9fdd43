// DeviceMemory: memory of one GPU, and the stream in which everything runs.
#pragma once

#include <cuda_runtime_api.h>

#include "ops/array.h"

namespace verbatim::cuda {

class DeviceMemory final : public Memory {
 public:
  explicit DeviceMemory(int device);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  cudaStream_t stream() const { return stream_; }
  // Until all that was enqueued has run.
  void wait();

  std::byte* allocate(std::size_t bytes) override;
  void release(std::byte* data, std::size_t bytes) noexcept override;
  void write(std::byte* to, std::span<const std::byte> from) override;
  void read(const std::byte* from, std::span<std::byte> to) override;
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) noexcept override;

 private:
  static constexpr std::size_t kStaging = std::size_t{4} << 20;

  cudaStream_t stream_ = nullptr;
  std::byte* staging_ = nullptr;  // pinned: what is being written
  std::size_t staged_ = 0;        // of it, since the stream was last waited for
};

}  // namespace verbatim::cuda
