#include "backend/list.h"

#include <fmt/ranges.h>

#include "backend/conventional/conventional.h"
#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/kernels.h"
#include "backend/cuda/device.h"
#include "backend/reference/reference.h"

namespace verbatim {

namespace {

std::vector<BackendEntry> make_list() {
  std::vector<BackendEntry> list;
  const auto add_cuda = [&](std::string_view name, cuda::Kernels kernels) {
    list.push_back(
        {name,
         "an NVIDIA GPU of compute capability 8.0 or later, its driver, and a program built with CUDA",
         [] { return !cuda::devices().empty(); },
         [kernels](int threads) {
           auto host = cpu::make_cpu_backend(cpu::best_kernels(), threads);
           return cuda::make_cuda_backend(cuda::devices().front(), kernels, std::move(host));
         },
         {nullptr, false}});
  };
  add_cuda("cuda", cuda::Kernels::best);
  for (const cpu::CpuKernels& kernels : cpu::all_kernels())
    list.push_back({kernels.name,
                    kernels.needs,
                    [&kernels] { return kernels.runs_here(); },
                    [&kernels](int threads) { return cpu::make_cpu_backend(kernels, threads); },
                    {kernels.multiply_adds, kernels.splits_rows}});
  const IntegerUnit unit = list.back().integer_unit;
  add_cuda("cuda_plain", cuda::Kernels::plain);
  list.push_back({"reference", "no particular instructions: the contract as scalar code, slow",
                  [] { return true; }, make_reference_backend, unit});
  return list;
}

// For what is no sum, the control group uses the vector code of the others.
const BackendEntry kControlGroup = {
    kConventional,
    "OpenBLAS (libopenblas.so.0; Debian: apt-get install libopenblas0-pthread)",
    [] { return Blas::load().ok(); },
    [](int threads) { return make_conventional_backend(*Blas::load(), cpu::best_kernels().ops, threads); },
    {nullptr, false}};

}  // namespace

std::span<const BackendEntry> backend_list() {
  static const std::vector<BackendEntry> list = make_list();
  return list;
}

const BackendEntry& control_group() { return kControlGroup; }

bool keeps_contract(std::string_view backend_name) { return backend_name != kConventional; }

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
