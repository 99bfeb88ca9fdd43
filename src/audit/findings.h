// Findings: what the records of an audit say. A function of the results file alone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/distinct.h"
#include "audit/plan.h"
#include "audit/record.h"

namespace verbatim::audit {

// One row of the table: what the probes of one condition got.
struct ConditionFindings {
  Condition condition;
  std::int64_t planned = 0, good = 0;
  std::int64_t distinct = 0;            // answers, in this condition
  std::int64_t others = 0;              // good ones that are not the most common answer of this temperature
  std::optional<double> largest_drift;  // from the reference; nothing: no log-probabilities
  bool same_bits = true;                // as the reference, wherever tokens agree
  std::int64_t in_flight = 0;           // most requests under way during a good probe
  std::int64_t generating = 0;          // ... answers that were coming; 0: not streamed
};

// All probes of one temperature: one request, and its answers.
struct ProbeFindings {
  Request request;
  std::vector<std::size_t> records;      // of the good answers, as indices into Results::records
  std::vector<DistinctAnswer> distinct;  // members are indices into `records`
  std::vector<PlaceDrift> drift;         // from the reference: the first of the most common answer
  bool tokens_known = false;
  bool differs_for_one_fingerprint = false;  // answers, at the level of tokens
  bool drifts_for_one_fingerprint = false;   // ... of bits
  bool any_text = false;                     // some answer is not empty
};

struct FingerprintFindings {
  std::string fingerprint;          // empty: none was given
  std::int64_t answers = 0;         // neighbours among them
  std::size_t first = 0, last = 0;  // index in the plan
};

struct ErrorFindings {
  std::string kind, example;
  std::int64_t requests = 0;  // that ended so
  std::int64_t retried = 0;   // attempts that ended so and were made again
};

struct Findings {
  std::int64_t planned = 0;  // requests, neighbours among them
  std::int64_t recorded = 0;
  std::int64_t probes_planned = 0, probes_recorded = 0, probes_good = 0;
  std::array<std::int64_t, 2> neighbours_recorded{}, neighbours_good{};  // by Neighbours
  std::vector<ProbeFindings> probes;                                     // by temperature
  std::vector<ConditionFindings> conditions;                             // as planned
  std::vector<FingerprintFindings> fingerprints;                         // by their first answer
  std::vector<ErrorFindings> errors;                                     // by kind
  std::int64_t in_flight = 0, generating = 0;                            // largest over all conditions
  bool streamed = false;
};

// Errors: the results are of no plan, or hold what is not in theirs.
Result<Findings> analyse(const Results& results);

}  // namespace verbatim::audit
