// What the threads of one block do together with a row in shared memory.
#pragma once

#include <cstdint>

#include "backend/cuda/quads.cuh"

namespace verbatim::cuda {

// ---- Reductions: all threads call, all get the result ----

// The largest of the threads' bits. As unsigned integers the bits of |x| have its order, NaN on top (spec/fix.h).
__device__ inline unsigned largest_bits(unsigned bits) {
  __shared__ unsigned largest;
  __syncthreads();
  if (threadIdx.x == 0) largest = 0;
  __syncthreads();
  bits = __reduce_max_sync(~0u, bits);
  if (threadIdx.x % 32 == 0) atomicMax(&largest, bits);
  __syncthreads();
  return largest;
}

// lanes64 over x (k) in shared memory.  join(lane, x): the lane after an element joined it
template <class Join>
__device__ float lanes64(const float* x, std::int64_t k, Join join) {
  __shared__ float lane[spec::kLanes];
  __syncthreads();
  if (threadIdx.x < spec::kLanes) {
    float sum = 0;
    for (std::int64_t i = threadIdx.x; i < k; i += spec::kLanes) sum = join(sum, x[i]);
    lane[threadIdx.x] = sum;
  }
  for (int half = spec::kLanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) lane[threadIdx.x] = lane[threadIdx.x] + lane[threadIdx.x + half];
  }
  __syncthreads();
  return lane[0];
}

// spec/hadamard.h of x (k) in shared memory
__device__ inline void hadamard(float* x, std::int64_t k, std::int64_t block) {
  for (std::int64_t h = 1; h < block; h *= 2) {
    __syncthreads();
    for (std::int64_t pair = threadIdx.x; pair < k / 2; pair += blockDim.x) {
      const std::int64_t i = pair / h * 2 * h + pair % h;
      const float a = x[i], b = x[i + h];
      x[i] = a + b;
      x[i + h] = a - b;
    }
  }
  __syncthreads();
}

// spec/fix.h R1 to R3 of x (k) in shared memory
__device__ inline spec::FixScale scale_of(const float* x, std::int64_t k, int limbs) {
  unsigned bits = 0;
  __syncthreads();
  for (std::int64_t i = threadIdx.x; i < k; i += blockDim.x)
    bits = max(bits, __float_as_uint(x[i]) & 0x7fffffffu);
  return spec::fix_scale(__uint_as_float(largest_bits(bits)), limbs);
}

}  // namespace verbatim::cuda
