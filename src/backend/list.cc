#include "backend/list.h"

#include <fmt/ranges.h>

#include "backend/conventional/conventional.h"
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

// For what is no sum, the control group uses the vector code of the others.
const cpu::FloatOps& best_float_ops() {
#if defined(__x86_64__)
  cpu::CpuFeatures features = detect_cpu_features();
  if (features.avx512) return cpu::kFloatAvx512;
  if (features.avx2) return cpu::kFloatAvx2;
#elif defined(__aarch64__)
  if (detect_cpu_features().neon_dot) return cpu::kFloatNeon;
#endif
  return cpu::kFloatScalar;
}

constexpr BackendEntry kControlGroup = {
    kConventional,
    "OpenBLAS (libopenblas.so.0; Debian: apt-get install libopenblas0-pthread)",
    [] { return Blas::load().ok(); },
    [](int threads) { return make_conventional_backend(*Blas::load(), best_float_ops(), threads); },
    {nullptr, false}};

}  // namespace

std::span<const BackendEntry> backend_list() { return kBackends; }

const BackendEntry& control_group() { return kControlGroup; }

bool keeps_contract(std::string_view backend_name) { return backend_name != kControlGroup.name; }

const BackendEntry* find_backend(std::string_view name) {
  for (const BackendEntry& entry : backend_list()) {
    if (entry.name == name) return &entry;
  }
  return name == kControlGroup.name ? &kControlGroup : nullptr;
}

std::vector<std::string> backends_here() {
  std::vector<std::string> names;
  for (const BackendEntry& entry : backend_list()) {
    if (entry.runs_here()) names.emplace_back(entry.name);
  }
  return names;
}

Result<std::unique_ptr<Backend>> make_backend(std::string_view name, int threads) {
  std::vector<std::string> here = backends_here();
  if (name.empty() || name == "auto") name = here.front();
  const BackendEntry* entry = find_backend(name);
  if (entry == nullptr)
    return fail("backend '{}' is not known; this machine runs: {}", name, fmt::join(here, ", "));
  if (!entry->runs_here()) {
    return fail("backend '{}' needs {}, which this machine lacks; it runs: {}", name, entry->needs,
                fmt::join(here, ", "));
  }
  return entry->make(threads);
}

}  // namespace verbatim
