// Two results files compared: two servers, or one on two days. The same request, the same answer?
//
// Requests are the same when endpoint, prompt, max_tokens, temperature and seed are; neighbours of an audit count
// as well as its probes. What each server calls its model does not matter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "audit/distinct.h"
#include "audit/record.h"
#include "audit/verdict.h"

namespace verbatim::audit {

// One request that both files hold, and whose answers are not all the same.
struct RequestDifference {
  Request request;
  bool probe = false;
  bool in_tokens = false;                // answers are compared by tokens; else by text
  std::vector<const Record*> records;    // of the answers, A's first; they live as long as the results
  std::vector<DistinctAnswer> distinct;  // members are indices into `records`
  std::int64_t of_a = 0, of_b = 0;       // answers
  std::size_t first_a = 0, first_b = 0;  // records: their indices in the plans
  double largest_drift = 0;
  bool across = false;  // some answer of A is none of B's, or the other way
};

struct Comparison {
  std::int64_t only_a = 0, only_b = 0;  // requests that one was asked
  std::int64_t unanswered = 0;          // requests that both were asked, and not both answered
  std::int64_t common = 0;              // requests that both answered
  std::int64_t same_bits = 0;           // of these: every answer, to the last bit of the log-probabilities
  std::int64_t same_tokens = 0;         // ... one answer, with different log-probabilities
  std::int64_t different = 0;           // ... several answers
  bool logprobs = false;                // some answers of both have them
  std::vector<RequestDifference> differences;  // of those that are not same_bits: the different first
};

Comparison compare(const Results& a, const Results& b);

// "3 answers of A, 1 of B, 2 distinct by tokens"
std::string counts_text(const RequestDifference& difference);

// different: where answers differ, or bits are required and do; unknown: nothing in common, or less than kLeastGood
// of what both were asked.
Judgement judge(const Comparison& comparison, const Rules& rules);

std::string to_text(const Comparison& comparison, const Judgement& judgement, const Results& a,
                    const Results& b);

}  // namespace verbatim::audit
