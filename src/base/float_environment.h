// Whether this thread computes as docs/numerics.md demands: subnormal numbers are neither flushed (FTZ) nor read as zero
// (DAZ). A program that is linked with -ffast-math gets a start-up object, crtfastmath.o, that flushes them, and every
// backend would then agree on wrong bits.
#pragma once

namespace verbatim {

// Found by arithmetic, in float32 and float64. No register is read or written.
bool keeps_subnormals();

// Ends the program, with a sentence on standard error and exit code 2, where they are lost: the fault of a build or of a
// library, which no caller can mend. Threads ask this of themselves when they start.
void require_subnormals();

}  // namespace verbatim
