#!/usr/bin/env python3
"""Writes src/backend/cuda/hopper/wgmma.cuh: the product of a warpgroup, whose operands C++ cannot count."""


def product(n: int) -> str:
    registers = n // 2
    sums = ", ".join(f"%{i}" for i in range(registers))
    bound = ", ".join(f'"+r"(d[{i}])' for i in range(registers))
    return f"""template <>
struct Wgmma<{n}> {{
  __device__ static void multiply(int (&d)[{registers}], std::uint64_t a, std::uint64_t b, int keep) {{
    asm volatile("{{\\n.reg .pred p;\\nsetp.ne.b32 p, %{registers + 2}, 0;\\n"
                 "wgmma.mma_async.sync.aligned.m64n{n}k32.s32.s8.s8 {{{sums}}}, %{registers}, %{registers + 1}, p;\\n}}"
                 : {bound}
                 : "l"(a), "l"(b), "r"(keep));
  }}
}};
"""


print("""// Written by tools/wgmma.py.  d (64 x N, int32) = keep * d + A (64 x 32, int8) B^T (N x 32, int8), asynchronous; A and B by
// their descriptors. A thread has rows g and g + 8 of its warp's 16 rows, columns 8 j + 2 t and the next: d[4 j ... 4 j + 3], where
// its lane is 4 g + t.
// clang-format off
#pragma once

#include <cstdint>

namespace verbatim::cuda::hopper {

template <int N>
struct Wgmma;
""")
for n in (8, 16, 32, 64, 128, 256):
    print(product(n))
print("}  // namespace verbatim::cuda::hopper")
