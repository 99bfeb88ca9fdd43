// AlignedBuffer on both sides of the size from which memory comes from mmap (2 MiB).
#include "base/aligned_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

namespace verbatim {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

TEST(AlignedBuffer, IsAlignedZeroedAndWritableToTheLastElement) {
  for (std::size_t n : {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65}, kMiB, 2 * kMiB - 1,
                        2 * kMiB, 2 * kMiB + 1, 5 * kMiB}) {
    AlignedBuffer<std::uint8_t> buffer(n);
    ASSERT_EQ(buffer.size(), n);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u) << n;
    EXPECT_TRUE(std::all_of(buffer.begin(), buffer.end(), [](std::uint8_t x) { return x == 0; })) << n;
    std::fill(buffer.begin(), buffer.end(), std::uint8_t{0xa5});
    EXPECT_EQ(buffer[n - 1], 0xa5) << n;
  }
}

// Memory that served before comes back zeroed.
TEST(AlignedBuffer, IsZeroedWhenMemoryIsUsedAgain) {
  for (int round = 0; round < 8; ++round) {
    AlignedBuffer<std::uint32_t> buffer(1000);
    EXPECT_EQ(std::count(buffer.begin(), buffer.end(), 0u), 1000) << "round " << round;
    std::fill(buffer.begin(), buffer.end(), 0xdeadbeefu);
  }
}

TEST(AlignedBuffer, EmptyOwnsNothing) {
  AlignedBuffer<float> none, zero(0);
  EXPECT_TRUE(none.empty() && zero.empty());
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_EQ(zero.begin(), zero.end());
}

TEST(AlignedBuffer, MovesItsMemory) {
  for (std::size_t n : {std::size_t{100}, 3 * kMiB}) {
    AlignedBuffer<std::uint8_t> first(n);
    first[n - 1] = 7;
    const std::uint8_t* memory = first.data();
    AlignedBuffer<std::uint8_t> second = std::move(first);
    AlignedBuffer<std::uint8_t> third(10);
    third = std::move(second);
    EXPECT_EQ(third.data(), memory);
    EXPECT_EQ(third.size(), n);
    EXPECT_EQ(third[n - 1], 7);
  }
}

TEST(AlignedBuffer, RefusesSizesThatOverflow) {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  EXPECT_THROW(AlignedBuffer<double>(kMost / 8 + 2), std::bad_alloc);
  EXPECT_THROW(AlignedBuffer<std::uint8_t>(kMost / 2), std::bad_alloc);
}

}  // namespace
}  // namespace verbatim
