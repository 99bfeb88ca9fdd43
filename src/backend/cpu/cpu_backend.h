// CpuBackend: the operations on the threads of this machine, with the kernels of one instruction set.
//
// Every output is computed whole by one thread, so neither the number of threads nor the way the work is cut
// can be seen in a bit. Operations too small to be worth waking a thread run on the caller's.
#pragma once

#include <memory>

#include "backend/cpu/kernels.h"
#include "ops/ops.h"

namespace verbatim::cpu {

// REQUIRES: this processor runs the kernels.
std::unique_ptr<Backend> make_cpu_backend(const CpuKernels& kernels, int threads);

}  // namespace verbatim::cpu
