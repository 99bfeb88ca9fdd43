// The float32 row kernels for NEON.
#include "backend/cpu/neon/vec.h"
// The kernels, over the Vec above.
#include "backend/cpu/float_ops.inc.h"

namespace verbatim::cpu {

extern const FloatOps kFloatNeon = kFloatOps;

}  // namespace verbatim::cpu
