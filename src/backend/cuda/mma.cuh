// The int8 products of a warp, on every card since compute capability 8.0 (PTX ISA, mma.m16n8k32).
//
// In a lane 4 g + t:   a[0..3]  rows g, g + 8, g, g + 8; columns 4 t and on, those of the last two 16 further
//                      b[0..1]  row g of B^T, the same columns
//                      d[0..3]  rows g, g, g + 8, g + 8; columns 2 t, 2 t + 1, 2 t, 2 t + 1
#pragma once

#include <cstdint>

namespace verbatim::cuda {

// d (16 x 8, int32) += A (16 x 32, int8) B^T (8 x 32, int8)
__device__ inline void multiply_add(int (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four matrices of 8 rows x 16 bytes: lane 8 i + r names row r of matrix i, and gets of each matrix its bytes of b.
__device__ inline void load_matrices(std::uint32_t (&b)[4], std::uint32_t row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(b[0]), "=r"(b[1]), "=r"(b[2]), "=r"(b[3])
               : "r"(row)
               : "memory");
}

// 16 bytes to shared memory, in the background. Groups end in their order.
__device__ inline void copy_16(std::uint32_t to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
}
__device__ inline void end_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int kLater>  // until all groups but the last kLater have arrived
__device__ inline void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLater) : "memory");
}

}  // namespace verbatim::cuda
