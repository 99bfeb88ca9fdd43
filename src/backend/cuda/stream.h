// Stream: where kernels are enqueued, and what of their device matters to how they start.
#pragma once

#include <cuda_runtime_api.h>

namespace verbatim::cuda {

struct Stream {
  cudaStream_t handle = nullptr;
  // Kernels may start before the one before has ended, and wait for it themselves: compute capability 9.0.
  bool dependent_launch = false;
  int processors = 1;
};

}  // namespace verbatim::cuda
