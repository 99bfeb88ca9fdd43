// The verdict of an audit, by rules that are written down (docs/audit.md) and tested one by one.
//
//   V1  answers to one request, from one fingerprint, differ in tokens: different
//   V2  ... in bits, where bits are required: different
//   V3  they differ only from one fingerprint to another: unknown, the server was changed
//   V4  less than all was asked: unknown
//   V5  less than kLeastGood of all probes, or half of a condition's, or half of a kind of neighbours, were answered:
//       unknown
//   V6  every answer to some request is empty: unknown
//   V7  fewer answers than required overlapped with those to some request: unknown
//   V8  otherwise: deterministic
//
// The first that applies of V1 and V2 decides, whatever went wrong besides: one difference is enough. All of V3 to
// V7 that apply are named.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "audit/findings.h"

namespace verbatim::audit {

constexpr double kLeastGood = 0.9;

enum class Verdict : std::uint8_t { deterministic = 0, different = 1, unknown = 2 };  // exit codes

struct Rules {
  bool require_bits = true;       // log-probabilities too, where the server tells them
  std::int64_t need_overlap = 2;  // answers at a time, of which a probe's was one; 1: none
};

struct Judgement {
  Verdict verdict = Verdict::unknown;
  std::vector<std::string> reasons;  // sentences, each beginning with its rule
};

Judgement judge(const Findings& findings, const Rules& rules);

}  // namespace verbatim::audit
