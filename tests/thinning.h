// Thinning: how much of a large family of cases a build runs.
//
// The release build runs every family whole. Builds that run ten to a hundred times slower (sanitizers, an emulated
// processor) look at each kind of step and each edge, not at the whole product of them: they keep every 7th member.
#pragma once

#include <cstdint>
#include <string_view>

namespace verbatim {

inline constexpr std::int64_t kThinning = VERBATIM_TEST_THINNING;  // 1: everything

// Whether this build runs the member with this number. 7 divides no count of schedules, shapes or backends, so the
// members kept of a product differ in all its factors.
constexpr bool kept(std::int64_t member) { return member % kThinning == 0; }

// Whether this build looks for faults of memory or of threads.
inline constexpr bool kSanitizer = !std::string_view(VERBATIM_SANITIZE).empty();
// Whether this build looks for data races. Tests on one thread have none to show, and leave it alone.
inline constexpr bool kThreadSanitizer = std::string_view(VERBATIM_SANITIZE) == "thread";

}  // namespace verbatim
