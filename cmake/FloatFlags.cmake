# The only home of floating-point compiler flags. Every target links `verbatim_float_flags`.
#
# -ffp-contract=off   a*b+c stays two roundings; a fused multiply-add exists only where the source writes fma.
# -fno-fast-math      said aloud, so that no toolchain default can turn on reassociation, FTZ or DAZ.
# -frounding-math is not used: the rounding mode is never changed, it is round-to-nearest-even from start to end.
# x86-64 computes float32 in SSE registers (never x87), aarch64 in its FP registers: no excess precision on either.
#
# Fast mathematics in a packager's CXXFLAGS or LDFLAGS would reach the link line, and with it crtfastmath.o, which makes
# every thread flush subnormals: refused here, and by the program itself when it starts (src/base/float_environment.h).
include(${CMAKE_CURRENT_LIST_DIR}/RefuseFastMath.cmake)

# The same, said to nvcc: fused only where it is written, division and square root rounded, subnormals kept.
set(VERBATIM_NVCC_FLOAT_FLAGS --fmad=false --prec-div=true --prec-sqrt=true --ftz=false)
add_library(verbatim_float_flags INTERFACE)
target_compile_options(verbatim_float_flags INTERFACE -ffp-contract=off -fno-fast-math)
