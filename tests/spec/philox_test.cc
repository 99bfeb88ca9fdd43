// spec/philox.h: known answers, and how words become uniform draws.
#include "spec/philox.h"

#include <gtest/gtest.h>

namespace verbatim::spec {
namespace {

// The philox4x32 10 lines of kat_vectors in Random123 1.14, the code published with the paper.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, EveryWordOfSeedPositionAndStreamHasItsPlace) {
  EXPECT_EQ(random_words(0x0123456789abcdef, 0x1122334455667788, 0x99aabbccddeeff00),
            philox4x32({0x55667788, 0x11223344, 0xddeeff00, 0x99aabbcc}, {0x89abcdef, 0x01234567}));
}

TEST(Philox, UniformTakesTheTopBits) {
  for (std::uint64_t position = 0; position < 1000; ++position) {
    PhiloxCounter w = random_words(7, position, 3);
    EXPECT_EQ(uniform(7, position, 3), static_cast<float>(w[0] / 256) / 16777216.0f);
    EXPECT_EQ(uniform64(7, position, 3), (w[0] + (w[1] / 2048 * 2048) / 4294967296.0) / 4294967296.0);
  }
}

// Fixed draws: a count in each sixteenth of [0, 1) near its expectation,
// so no bit range was dropped or repeated.
TEST(Philox, DrawsFillTheUnitInterval) {
  constexpr int kDraws = 160'000, kBins = 16;
  int count[kBins] = {}, count64[kBins] = {};
  for (int i = 0; i < kDraws; ++i) {
    ++count[static_cast<int>(uniform(11, static_cast<std::uint64_t>(i), 0) * kBins)];
    ++count64[static_cast<int>(uniform64(11, static_cast<std::uint64_t>(i), 1) * kBins)];
  }
  for (int bin = 0; bin < kBins; ++bin) {
    EXPECT_NEAR(count[bin], kDraws / kBins, 500) << "bin " << bin;  // five standard deviations
    EXPECT_NEAR(count64[bin], kDraws / kBins, 500) << "bin " << bin;
  }
}

}  // namespace
}  // namespace verbatim::spec
