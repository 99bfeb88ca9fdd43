#pragma once

#include "base/result.h"
#include "load/checkpoint.h"

namespace verbatim {

// Whether the tensors are exactly those of expected_tensors (model/architecture.h), by name and shape; nothing is silently
// left out.
Status check_tensors(const Checkpoint& checkpoint);

}  // namespace verbatim
