// HostMemory: memory that operations and host code share. What is enqueued has run when the call returns.
#pragma once

#include "ops/array.h"

namespace verbatim {

class HostMemory final : public Memory {
 public:
  std::byte* allocate(std::size_t bytes) override;
  void release(std::byte* data, std::size_t bytes) noexcept override;
  void write(std::byte* to, std::span<const std::byte> from) override;
  void read(const std::byte* from, std::span<std::byte> to) override;
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) noexcept override;
};

// It has no state: arrays may outlive every backend.
Memory& host_memory();

}  // namespace verbatim
