// What the CUDA runtime answers, checked.
#pragma once

#include <cuda_runtime_api.h>

#include <new>

namespace verbatim::cuda {

[[noreturn]] void failed(cudaError_t status, const char* what);

// A lost device or a kernel that failed is no answer to any request: it ends the process with a sentence.
inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) failed(status, what);
}
// The same for memory, where there may be none.
inline void check_memory(cudaError_t status, const char* what) {
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw std::bad_alloc();
  }
  check(status, what);
}

}  // namespace verbatim::cuda
