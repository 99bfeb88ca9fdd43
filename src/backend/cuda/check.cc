#include "backend/cuda/check.h"

#include "base/check.h"

namespace verbatim::cuda {

void failed(cudaError_t status, const char* what) {
  CHECK(false, "CUDA: {}: {}", what, cudaGetErrorString(status));
}

}  // namespace verbatim::cuda
