// How failures name the instruction set that they are about.
#pragma once

#include <ostream>

#include "backend/cpu/kernels.h"

namespace verbatim::cpu {

inline void PrintTo(const CpuKernels& kernels, std::ostream* os) { *os << kernels.name; }

}  // namespace verbatim::cpu
