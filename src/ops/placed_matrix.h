// PlacedMatrix: a matrix where a backend's operations can read it.
#pragma once

#include <memory>

#include "ops/array.h"
#include "ops/panels.h"

namespace verbatim {

struct PlacedMatrix {
  PackedMatrix matrix;
  std::shared_ptr<const void> storage;  // keeps what it points into
};

// The same bytes in other memory, which must outlive them.
PlacedMatrix copy_into(Memory& memory, const PackedMatrix& matrix);

}  // namespace verbatim
