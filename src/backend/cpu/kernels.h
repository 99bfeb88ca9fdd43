// CpuKernels: what one instruction set brings to the CPU backend, and the table of those that this program has.
//
// The backends of backend/list.h, the control group, tests and measurements all choose from this table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "backend/cpu/cpu_features.h"
#include "backend/cpu/float_ops.h"
#include "backend/cpu/gemm.h"

namespace verbatim::cpu {

struct CpuKernels {
  std::string_view name;   // its folder
  std::string_view needs;  // of the machine, in words
  bool (*runs_on)(const CpuFeatures& has);
  const GemmKernel& gemm;
  const FloatOps& ops;
  std::int64_t (*multiply_adds)(std::int64_t rounds);  // peak.h
  bool splits_rows;                                    // a two-limb activation takes two products, not one

  bool runs_here() const { return runs_on(detect_cpu_features()); }
};

// Best first; the last one runs everywhere.
std::span<const CpuKernels> all_kernels();
// The first that runs here.
const CpuKernels& best_kernels();

}  // namespace verbatim::cpu
