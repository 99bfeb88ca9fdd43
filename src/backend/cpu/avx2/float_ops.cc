// The float32 row kernels for AVX2 and FMA.
#include "backend/cpu/avx2/vec.h"
// The kernels, over the Vec above.
#include "backend/cpu/float_ops.inc.h"

namespace verbatim::cpu {

extern const FloatOps kFloatAvx2 = kFloatOps;

}  // namespace verbatim::cpu
