// A row in the registers of a block: a thread has quads of four neighbouring elements, every blockDim.x-th.
//
// In a block of few threads more of them fit into a processor; 1,024 threads with kQuads quads hold 4,096 kQuads elements.
#pragma once

#include <cstdint>

#include "backend/cuda/launch.cuh"
#include "spec/fix.h"
#include "spec/lanes64.h"

namespace verbatim::cuda {

inline constexpr int kMostThreads = 1024;

// Threads for a row of k elements, a multiple of 32.
constexpr int threads_of(std::int64_t k) {
  const std::int64_t quads = (k + 3) / 4;
  return static_cast<int>(quads < kMostThreads ? (quads + 31) / 32 * 32 : kMostThreads);
}

template <int kQuads>
struct Quads {
  float v[kQuads][4];

  // The first element of a quad.
  static __device__ int first(int quad) { return (quad * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x)) * 4; }

  // put(v, i) for every quad, i its first element
  template <class Put>
  __device__ void each(Put put) {
#pragma unroll
    for (int quad = 0; quad < kQuads; ++quad) put(v[quad], first(quad));
  }

  // x: (k); what lies past k is 0
  __device__ void load(const float* x, int k) {
    each([&](float(&to)[4], int i) { load_quad(x, i, k, to); });
  }
  __device__ void store(float* x, int k) {
    each([&](float(&from)[4], int i) {
      if (k % 4 == 0 && i < k) {
        *reinterpret_cast<float4*>(x + i) = {from[0], from[1], from[2], from[3]};
      } else {
        for (int c = 0; c < 4; ++c)
          if (i + c < k) x[i + c] = from[c];
      }
    });
  }
  static __device__ void load_quad(const float* x, int i, int k, float (&to)[4]) {
    if (k % 4 == 0) {
      const float4 read = i < k ? *reinterpret_cast<const float4*>(x + i) : float4{};
      to[0] = read.x, to[1] = read.y, to[2] = read.z, to[3] = read.w;
    } else {
      for (int c = 0; c < 4; ++c) to[c] = i + c < k ? x[i + c] : 0.0f;
    }
  }

  // spec/hadamard.h.   block: it divides k.   exchange: a float4 for each thread, where a block has more than 128 elements
  __device__ void rotate(int block, float4* exchange = nullptr) {
    for (int h = 1; h < block; h *= 2) {
#pragma unroll
      for (auto& q : v) {
        if (h == 1) {
          pair(q[0], q[1]), pair(q[2], q[3]);
        } else if (h == 2) {
          pair(q[0], q[2]), pair(q[1], q[3]);
        } else if (h > 64) {
          __syncthreads();
          exchange[threadIdx.x] = {q[0], q[1], q[2], q[3]};
          __syncthreads();
          const float4 other = exchange[threadIdx.x ^ h / 4];
          const bool second = static_cast<int>(threadIdx.x) & h / 4;
          q[0] = second ? other.x - q[0] : q[0] + other.x;
          q[1] = second ? other.y - q[1] : q[1] + other.y;
          q[2] = second ? other.z - q[2] : q[2] + other.z;
          q[3] = second ? other.w - q[3] : q[3] + other.w;
        } else {
          const bool second = static_cast<int>(threadIdx.x) & h / 4;
#pragma unroll
          for (float& x : q) {
            const float other = __shfl_xor_sync(~0u, x, h / 4);
            x = second ? other - x : x + other;
          }
        }
      }
    }
  }

  // The bits of the largest |x| of the block, as unsigned integers: a NaN is on top (spec/fix.h).
  __device__ unsigned largest_bits() const {
    unsigned bits = 0;
#pragma unroll
    for (const auto& q : v)
#pragma unroll
      for (float x : q) bits = max(bits, __float_as_uint(x) & 0x7fffffffu);
    bits = __reduce_max_sync(~0u, bits);
    if (blockDim.x == 32) return bits;
    __shared__ unsigned of_warp[32];
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = bits;
    __syncthreads();
    const int lane = threadIdx.x % 32, warps = blockDim.x / 32;
    return __reduce_max_sync(~0u, lane < warps ? of_warp[lane] : 0u);
  }

  // lanes64 of the squares.   row: (k) floats of shared memory, which is filled with the elements
  __device__ float sum_of_squares(float* row, int k) {
    __shared__ float lane[spec::kLanes];
    each([&](const float(&x)[4], int i) {
      for (int c = 0; c < 4; ++c)
        if (i + c < k) row[i + c] = x[c];
    });
    __syncthreads();
    for (int j = threadIdx.x; j < spec::kLanes; j += blockDim.x) {
      float sum = 0;
#pragma unroll 8
      for (int i = j; i < k; i += spec::kLanes) sum = spec::fma(row[i], row[i], sum);
      lane[j] = sum;
    }
    __syncthreads();
    float sum = lane[threadIdx.x % 32] + lane[threadIdx.x % 32 + 32];
#pragma unroll
    for (int half = 16; half > 0; half /= 2) sum = sum + __shfl_down_sync(~0u, sum, half);
    return __shfl_sync(~0u, sum, 0);
  }

 private:
  static __device__ void pair(float& a, float& b) {
    const float x = a, y = b;
    a = x + y, b = x - y;
  }
};

// spec/fix.h R4. What round_half_even adds has the integer in its last bits: no conversion.
__device__ inline int integer_of(float x, const spec::FixScale& s, int limbs) {
  if (s.scale == 0) return 0;
  constexpr float kRounder = 0x1.8p23f;
  const int largest = spec::fix_max(limbs);
  const int rounded = __float_as_int(x * s.reciprocal + kRounder) - __float_as_int(kRounder);
  return min(max(rounded, -largest), largest);
}

// Four integers as bytes, limb by limb.
struct LimbWords {
  std::uint32_t high = 0, low = 0;
};
__device__ inline LimbWords limbs_of_quad(const float (&x)[4], const spec::FixScale& s, int limbs) {
  LimbWords words;
#pragma unroll
  for (int c = 0; c < 4; ++c) {
    const int q = integer_of(x[c], s, limbs);
    words.high |= static_cast<std::uint32_t>((limbs == 2 ? spec::high_limb(q) : q) & 255) << 8 * c;
    words.low |= static_cast<std::uint32_t>(spec::low_limb(q) & 255) << 8 * c;
  }
  return words;
}

// start(quads) with the std::integral_constant of how many quads a thread needs for k elements, rounded up to a power of two.
template <class Start>
void with_quads(std::int64_t k, Start start) {
  const std::int64_t quads = ((k + 3) / 4 + kMostThreads - 1) / kMostThreads;
  if (quads <= 1) return start(std::integral_constant<int, 1>{});
  if (quads <= 2) return start(std::integral_constant<int, 2>{});
  if (quads <= 4) return start(std::integral_constant<int, 4>{});
  if (quads <= 8) return start(std::integral_constant<int, 8>{});
  check(quads <= 16 ? cudaSuccess : cudaErrorInvalidValue, "a row has more than 65,536 elements");
  start(std::integral_constant<int, 16>{});
}

}  // namespace verbatim::cuda
