#include "base/float_environment.h"

#include <cstdio>
#include <cstdlib>
#include <limits>

namespace verbatim {
namespace {

// Operands are volatile so that the machine computes them, not the compiler.
template <class T>
bool keeps_subnormals_of() {
  const volatile T normal = std::numeric_limits<T>::min(), smallest = std::numeric_limits<T>::denorm_min();
  const volatile T half = static_cast<T>(0.5), large = 1 / std::numeric_limits<T>::epsilon();
  const volatile T made = normal * half;     // flushed to zero under FTZ
  const volatile T read = smallest * large;  // normal, and zero under DAZ
  return made + made == normal && read != 0;
}

}  // namespace

bool keeps_subnormals() { return keeps_subnormals_of<float>() && keeps_subnormals_of<double>(); }

void require_subnormals() {
  if (keeps_subnormals()) return;
  std::fputs(
      "verbatim: this program, or a library in it, was linked with -ffast-math, -Ofast or crtfastmath.o: "
      "subnormal "
      "numbers are lost, and answers would not be those of the fingerprint; link it without\n",
      stderr);
  std::_Exit(2);
}

}  // namespace verbatim
