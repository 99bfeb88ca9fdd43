// How kernels are started.
#pragma once

#include <cuda_runtime.h>

#include "backend/cuda/check.h"

namespace verbatim::cuda {

// blocks of `threads` threads with `shared` bytes of dynamic shared memory each; nothing where there are no blocks
template <class... Parameters, class... Arguments>
void launch(cudaStream_t stream, void (*kernel)(Parameters...), std::int64_t blocks, int threads, std::size_t shared,
            Arguments... arguments) {
  constexpr std::size_t kWithoutAsking = 48 << 10;
  if (blocks == 0) return;
  if (shared > kWithoutAsking)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
          "shared memory of a block");
  kernel<<<static_cast<unsigned>(blocks), threads, shared, stream>>>(arguments...);
  check(cudaGetLastError(), "starting a kernel");
}

// A thread an element.
template <class... Parameters, class... Arguments>
void launch_elements(cudaStream_t stream, void (*kernel)(Parameters...), std::int64_t count, Arguments... arguments) {
  launch(stream, kernel, (count + 255) / 256, 256, 0, arguments...);
}
__device__ inline std::int64_t element() { return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }

}  // namespace verbatim::cuda
