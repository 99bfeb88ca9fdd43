// How kernels are started, and how they begin.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "backend/cuda/check.h"
#include "backend/cuda/stream.h"

namespace verbatim::cuda {

// The first line of every kernel: what the kernels before have written is there. The next one may come to its own first line
// meanwhile (programmatic dependent launch, CUDA C++ Programming Guide).
__device__ inline void begin_kernel() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// blocks of `threads` threads with `shared` bytes of dynamic shared memory each; nothing where there are no blocks
template <class... Parameters, class... Arguments>
void launch(const Stream& stream, void (*kernel)(Parameters...), std::int64_t blocks, int threads, std::size_t shared,
            Arguments... arguments) {
  constexpr std::size_t kWithoutAsking = 32 << 10;  // of 48 KiB, which the kernel's own arrays share
  if (blocks == 0) return;
  if (shared > kWithoutAsking)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
          "shared memory of a block");
  cudaLaunchAttribute dependent{};
  dependent.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  dependent.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared;
  config.stream = stream.handle;
  config.attrs = &dependent;
  config.numAttrs = stream.dependent_launch ? 1 : 0;
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), "starting a kernel");
}

// A thread an element.
template <class... Parameters, class... Arguments>
void launch_elements(const Stream& stream, void (*kernel)(Parameters...), std::int64_t count, Arguments... arguments) {
  launch(stream, kernel, (count + 255) / 256, 256, 0, arguments...);
}
__device__ inline std::int64_t element() { return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }

}  // namespace verbatim::cuda
