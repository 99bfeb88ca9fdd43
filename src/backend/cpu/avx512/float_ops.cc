// The float32 row kernels for AVX-512 F, BW and VL.
#include "backend/cpu/avx512/vec.h"
// The kernels, over the Vec above.
#include "backend/cpu/float_ops.inc.h"

namespace verbatim::cpu {

extern const FloatOps kFloatAvx512 = kFloatOps;

}  // namespace verbatim::cpu
