// The float arithmetic that the contract stands on, as this build's flags and this machine give it: float32,
// rounded to nearest even after every operation, subnormals kept, no contraction. Operands are volatile so
// that the machine computes them, not the compiler.
#include <gtest/gtest.h>

#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/float_environment.h"
#include "parallel/thread_pool.h"

namespace verbatim {
namespace {

// Modes of the floating-point unit that lose subnormals, as crtfastmath.o and some libraries set them.
#if defined(__x86_64__)
constexpr unsigned kLossyModes[] = {0x8000, 0x0040, 0x8040};  // FTZ, DAZ, both: bits of MXCSR
void set_mode(unsigned bits) { __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | bits); }
#elif defined(__aarch64__)
constexpr unsigned kLossyModes[] = {1u << 24};  // FZ of FPCR
void set_mode(unsigned bits) {
  std::uint64_t word = 0;
  asm volatile("mrs %0, fpcr" : "=r"(word));
  asm volatile("msr fpcr, %0" : : "r"(word | bits));
}
#endif

std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

// (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24: the last term is lost when the product is rounded (a tie, to even), and
// kept by a fused multiply-add.
TEST(FloatEnvironment, AProductIsRoundedBeforeItIsAdded) {
  volatile float x = 1.0f + 0x1p-12f, y = x, z = -(1.0f + 0x1p-11f);
  float sum = x * y + z;
  EXPECT_EQ(bits(sum), bits(0.0f));
  EXPECT_EQ(bits(std::fma(x, y, z)), bits(0x1p-24f));
}

TEST(FloatEnvironment, RoundsToNearestEven) {
  volatile float one = 1.0f, odd = 1.0f + 0x1p-23f, half_ulp = 0x1p-24f;
  EXPECT_EQ(bits(one + half_ulp), bits(1.0f));
  EXPECT_EQ(bits(odd + half_ulp), bits(1.0f + 0x1p-22f));
  EXPECT_EQ(bits(-one - half_ulp), bits(-1.0f));
}

TEST(FloatEnvironment, KeepsSubnormals) {
  volatile float smallest_normal = std::numeric_limits<float>::min(), half = 0.5f;
  float subnormal = smallest_normal * half;
  EXPECT_EQ(bits(subnormal), 0x00400000u);
  volatile float operand = subnormal;
  EXPECT_EQ(bits(operand + operand), bits(smallest_normal));
}

TEST(FloatEnvironment, AProgramThatLosesSubnormalsEndsWithASentence) {
  ASSERT_TRUE(keeps_subnormals());
  for (unsigned mode : kLossyModes) {
    EXPECT_EXIT(
        {
          set_mode(mode);
          require_subnormals();
          _exit(0);
        },
        ::testing::ExitedWithCode(2), "subnormal numbers are lost")
        << mode;
    // New threads take the mode over from the thread that starts them.
    EXPECT_EXIT(
        {
          set_mode(mode);
          ThreadPool pool(3);
          _exit(0);
        },
        ::testing::ExitedWithCode(2), "subnormal numbers are lost")
        << mode;
  }
}

// (2^24 + 1) + 1 in float32 stays at 2^24 twice; excess precision would carry both ones.
TEST(FloatEnvironment, HasNoExcessPrecision) {
  volatile float large = 0x1p24f, one = 1.0f;
  float sum = large + one + one;
  EXPECT_EQ(bits(sum), bits(0x1p24f));
}

TEST(FloatEnvironment, DoesNotReassociate) {
  volatile float large = 0x1p30f, one = 1.0f;
  float sum = (one + large) - large;
  EXPECT_EQ(bits(sum), bits(0.0f));
}

}  // namespace
}  // namespace verbatim
