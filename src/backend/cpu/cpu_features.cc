#include "backend/cpu/cpu_features.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace verbatim::cpu {
namespace {

// Linux: Documentation/arch/x86/xstate.rst and asm/prctl.h
constexpr long kRequestStatePermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
constexpr long kTileData = 18;                    // state component XTILEDATA; 17 is XTILECFG

// XCR0: the register state that the operating system saves (Intel SDM vol. 1, 13.3).
std::uint64_t saved_state() {
  std::uint32_t low, high;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

// Intel SDM vol. 2, CPUID leaf 7: EDX bit 24 AMX-TILE, bit 25 AMX-INT8.
bool amx_int8() {
  constexpr std::uint32_t kAmx = 1u << 24 | 1u << 25;
  constexpr std::uint64_t kTileState = std::uint64_t{3} << 17;
  std::uint32_t eax, ebx, ecx, edx;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & kAmx) == kAmx &&
         (saved_state() & kTileState) == kTileState &&
         syscall(SYS_arch_prctl, kRequestStatePermission, kTileData) == 0;
}

}  // namespace

// The compiler's run-time library checks XCR0 for the AVX states.
CpuFeatures detect_cpu_features() {
  __builtin_cpu_init();
  CpuFeatures has;
  has.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  has.avx512 = has.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vnni");
  has.amx = has.avx512 && amx_int8();
  return has;
}

}  // namespace verbatim::cpu

#elif defined(__aarch64__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

namespace verbatim::cpu {

CpuFeatures detect_cpu_features() {
  CpuFeatures has;
  has.neon_dot = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
  return has;
}

}  // namespace verbatim::cpu

#else

namespace verbatim::cpu {

CpuFeatures detect_cpu_features() { return {}; }

}  // namespace verbatim::cpu

#endif
