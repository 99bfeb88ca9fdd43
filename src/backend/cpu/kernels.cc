#include "backend/cpu/kernels.h"

#include <algorithm>

#include "backend/cpu/peak.h"

namespace verbatim::cpu {
namespace {

using Has = const CpuFeatures&;

constexpr CpuKernels kKernels[] = {
#if defined(__x86_64__)
    {"amx", "AMX-INT8, AVX-512 and a kernel that permits tiles", [](Has has) { return has.amx; }, kGemmAmx,
     kFloatAvx512, multiply_adds_amx, true},
    {"avx512", "AVX-512 F, BW, VL, DQ and VNNI", [](Has has) { return has.avx512; }, kGemmAvx512,
     kFloatAvx512, multiply_adds_avx512, true},
    {"avx2", "AVX2 and FMA", [](Has has) { return has.avx2; }, kGemmAvx2, kFloatAvx2, multiply_adds_avx2,
     false},
#elif defined(__aarch64__)
    {"neon", "the Armv8.2 dot product", [](Has has) { return has.neon_dot; }, kGemmNeon, kFloatNeon,
     multiply_adds_neon, true},
#endif
    {"generic", "no particular instructions: portable C++", [](Has) { return true; }, kGemmGeneric,
     kFloatGeneric, multiply_adds_generic, false},
};

}  // namespace

std::span<const CpuKernels> all_kernels() { return kKernels; }

const CpuKernels& best_kernels() {
  return *std::ranges::find_if(kKernels, [](const CpuKernels& k) { return k.runs_here(); });
}

}  // namespace verbatim::cpu
