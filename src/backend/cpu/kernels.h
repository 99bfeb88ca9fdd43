// CpuKernels: what one instruction set brings to the CPU backend.
#pragma once

#include <string_view>

#include "backend/cpu/float_ops.h"
#include "backend/cpu/gemm.h"

namespace verbatim::cpu {

struct CpuKernels {
  std::string_view name;
  const GemmKernel& gemm;
  const FloatOps& ops;
};

}  // namespace verbatim::cpu
