// cpu_features: what this processor, under this kernel, can run. Asked at run time, never of the compiler.
//
// A feature counts only when the operating system saves its registers too.
#pragma once

namespace verbatim::cpu {

struct CpuFeatures {
  bool avx2 = false;      // AVX2 and FMA
  bool avx512 = false;    // AVX-512 F, BW, VL, DQ and VNNI
  bool amx = false;       // all of avx512, AMX-TILE and AMX-INT8, and the kernel's permission to use tiles
  bool neon_dot = false;  // Armv8.2 dot product (sdot)
};

// Not a pure question: on a processor with AMX it asks the kernel for permission to use tile registers, for
// the whole process (Linux, arch_prctl). Asking again is harmless.
CpuFeatures detect_cpu_features();

}  // namespace verbatim::cpu
