#include "backend/list.h"

#include <fmt/ranges.h>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/cpu_features.h"
#include "backend/cpu/peak.h"
#include "backend/reference/reference.h"

namespace verbatim {

namespace {

using cpu::make_cpu_backend, cpu::detect_cpu_features;

constexpr BackendEntry kBackends[] = {
#if defined(__x86_64__)
    {"amx",
     "AMX-INT8, AVX-512 and a kernel that permits tiles",
     [] { return detect_cpu_features().amx; },
     [](int threads) {
       return make_cpu_backend({"amx", cpu::kGemmAmx, cpu::kFloatAvx512}, threads);
     },
     {cpu::multiply_adds_amx, true}},
    {"avx512",
     "AVX-512 F, BW, VL, DQ and VNNI",
     [] { return detect_cpu_features().avx512; },
     [](int threads) {
       return make_cpu_backend({"avx512", cpu::kGemmAvx512, cpu::kFloatAvx512}, threads);
     },
     {cpu::multiply_adds_avx512, true}},
    {"avx2",
     "AVX2 and FMA",
     [] { return detect_cpu_features().avx2; },
     [](int threads) {
       return make_cpu_backend({"avx2", cpu::kGemmAvx2, cpu::kFloatAvx2}, threads);
     },
     {cpu::multiply_adds_avx2, false}},
#elif defined(__aarch64__)
    {"neon",
     "the Armv8.2 dot product",
     [] { return detect_cpu_features().neon_dot; },
     [](int threads) {
       return make_cpu_backend({"neon", cpu::kGemmNeon, cpu::kFloatNeon}, threads);
     },
     {cpu::multiply_adds_neon, true}},
#endif
    {"generic",
     "no particular instructions: portable C++",
     [] { return true; },
     [](int threads) {
       return make_cpu_backend({"generic", cpu::kGemmScalar, cpu::kFloatScalar}, threads);
     },
     {cpu::multiply_adds_scalar, false}},
    {"reference",
     "no particular instructions: the contract as scalar code, slow",
     [] { return true; },
     make_reference_backend,
     {cpu::multiply_adds_scalar, false}},
};

}  // namespace

std::span<const BackendEntry> backend_list() { return kBackends; }

const BackendEntry* find_backend(std::string_view name) {
  for (const BackendEntry& entry : backend_list()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::vector<std::string> backends_here() {
  std::vector<std::string> names;
  for (const BackendEntry& entry : backend_list()) {
    if (entry.runs_here()) names.emplace_back(entry.name);
  }
  return names;
}

Result<std::unique_ptr<Backend>> make_backend(std::string_view name, int threads) {
  bool any = name.empty() || name == "auto";
  for (const BackendEntry& entry : backend_list()) {
    if (!any && entry.name != name) continue;
    if (entry.runs_here()) return entry.make(threads);
    if (!any) {
      return fail("backend '{}' needs {}, which this machine lacks; it runs: {}", name, entry.needs,
                  fmt::join(backends_here(), ", "));
    }
  }
  return fail("backend '{}' is not known; this machine runs: {}", name, fmt::join(backends_here(), ", "));
}

}  // namespace verbatim
