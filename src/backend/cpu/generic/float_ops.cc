// The float32 row kernels for any processor.
#include "backend/cpu/generic/vec.h"
// The kernels, over the Vec above.
#include "backend/cpu/float_ops.inc.h"

namespace verbatim::cpu {

extern const FloatOps kFloatGeneric = kFloatOps;

}  // namespace verbatim::cpu
