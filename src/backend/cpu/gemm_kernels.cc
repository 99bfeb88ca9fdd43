#include "backend/cpu/gemm_kernels.h"

namespace verbatim::cpu {
namespace {

constexpr NamedGemmKernel kKernels[] = {
#if defined(__x86_64__)
    {"amx", &kGemmAmx, [](const CpuFeatures& has) { return has.amx; }},
    {"avx512", &kGemmAvx512, [](const CpuFeatures& has) { return has.avx512; }},
    {"avx2", &kGemmAvx2, [](const CpuFeatures& has) { return has.avx2; }},
#elif defined(__aarch64__)
    {"neon", &kGemmNeon, [](const CpuFeatures& has) { return has.neon_dot; }},
#endif
    {"scalar", &kGemmScalar, [](const CpuFeatures&) { return true; }},
};

}  // namespace

std::span<const NamedGemmKernel> gemm_kernels() { return kKernels; }

}  // namespace verbatim::cpu
