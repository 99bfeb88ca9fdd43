// A build without CUDA has no devices.
#include "backend/cuda/device.h"
#include "base/check.h"

namespace verbatim::cuda {

std::vector<Device> devices() { return {}; }

std::unique_ptr<Backend> make_cuda_backend(const Device& device, Kernels, std::unique_ptr<Backend>) {
  CHECK(false, "device {} of a build without CUDA", device.number);
}

}  // namespace verbatim::cuda
