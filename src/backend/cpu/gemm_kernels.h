// gemm_kernels: the integer kernels of this architecture, best first, by name: for tests and measurements
// that run every one of them. (A backend of backend/list.h names its kernel itself.)
#pragma once

#include <span>
#include <string_view>

#include "backend/cpu/cpu_features.h"
#include "backend/cpu/gemm.h"

namespace verbatim::cpu {

struct NamedGemmKernel {
  std::string_view name;  // the folder of its instruction set
  const GemmKernel* kernel;
  bool (*runs_on)(const CpuFeatures& has);
};

std::span<const NamedGemmKernel> gemm_kernels();

}  // namespace verbatim::cpu
