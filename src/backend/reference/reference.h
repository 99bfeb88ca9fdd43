// ReferenceBackend: the operations as spec/ states them, one scalar call after another.
//
// It is what every other backend is compared with, on bits. It reads the packed layouts element by element
// through their definitions and shares no code with the fast backends. Only whole outputs are divided among
// threads. It is slow by choice.
#pragma once

#include <memory>

#include "ops/ops.h"

namespace verbatim {

std::unique_ptr<Backend> make_reference_backend(int threads);

}  // namespace verbatim
