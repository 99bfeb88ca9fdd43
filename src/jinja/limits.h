// Limits: how much one rendering may do. A template and the messages it is given come from outside, so each
// bound is enforced, and its error says which one was met.
#pragma once

#include <cstdint>

namespace verbatim::jinja {

struct Limits {
  std::int64_t steps = 20'000'000;          // nodes evaluated and items visited; text: one per 64 bytes
  std::int64_t memory_bytes = 256LL << 20;  // held by values at one time
  std::int64_t output_bytes = 64LL << 20;   // in all open buffers together
  int depth = 1000;                         // statements and expressions inside one another, macros included
};

inline constexpr std::int64_t kMaxSourceBytes = 1 << 20;  // of a template
inline constexpr int kMaxNesting = 400;                   // of its statements, and of its expressions
inline constexpr int kMaxValueDepth = 200;                // of lists and dicts in one another
inline constexpr std::int64_t kMaxRange = 100'000;        // items of range(), as Jinja's sandbox has it

}  // namespace verbatim::jinja
