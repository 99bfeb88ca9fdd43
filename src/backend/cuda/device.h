// Devices of this machine, asked of the driver. A machine without one, or without a driver, has none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ops/ops.h"

namespace verbatim::cuda {

struct Device {
  int number = 0;
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int processors = 0;
  std::int64_t bytes = 0;  // of its memory
};

// Those that can run this program: compute capability 8.0 or later.
std::vector<Device> devices();

// best: for this card. plain: those that any card runs, without tensor cores; they are here to be compared with.
enum class Kernels { best, plain };

// host: does the arithmetic of rows that come home (Backend::logits_math).   REQUIRES: device is one of devices()
std::unique_ptr<Backend> make_cuda_backend(const Device& device, Kernels kernels,
                                           std::unique_ptr<Backend> host);

}  // namespace verbatim::cuda
