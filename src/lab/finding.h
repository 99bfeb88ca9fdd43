// Finding: what one experiment of `verbatim lab` saw, as a plain value. Everything in it was measured by the call that
// returned it; render.h turns it into text, JSON and a page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lab/trial.h"

namespace verbatim::lab {

enum class Verdict : std::uint8_t {
  seen,      // the claim is true here
  not_seen,  // it was not true here, this time
  missing,   // it could not be tested
  broken,    // verbatim did not keep its own promise
};

// |difference| of the log-probability of the same token at the same place, over pairs that should be equal.
struct Drift {
  std::int64_t values = 0, identical = 0;  // identical: in every bit
  double median = 0, p99 = 0, largest = 0;
};
Drift drift_of(std::vector<double> differences, std::int64_t identical);

// A token that could come next.
struct Candidate {
  std::int32_t token = 0;
  std::string text;
  float logprob = 0;
};

struct AnswerToken {
  Candidate chosen;
  std::vector<Candidate> top;  // the two most likely, best first
};

// Answers alike in every token and every bit of every log-probability.
struct Variant {
  std::int64_t count = 0;
  std::string text;
  std::vector<AnswerToken> tokens;
};

// The same request again and again, first alone, then in a crowd.
struct Answers {
  std::string subject, what;  // "greedy"
  bool ours = false;
  std::string error;                     // why there is nothing to compare: the model failed; empty: there is
  std::int64_t answers = 0, tokens = 0;  // of an answer
  std::int64_t distinct_texts = 0;       // by tokens
  std::int64_t distinct_bits = 0;        // by tokens and every bit of their log-probabilities
  std::optional<std::int64_t> divergence;  // the first token in which an answer differs from the lonely one
  Candidate alone, crowd;                  // there: what the lonely answer has, and what the other has
  float margin = 0;                        // there, alone: between the two most likely tokens
  Drift drift;                             // against the lonely answer, up to where an answer parts from it
  std::int64_t largest_crowd = 0;          // sequences that shared a step with an answer
  std::int64_t largest_step = 0;           // rows of such a step
  std::vector<Variant> variants;           // the lonely answer's first, the others by falling count
};

// The same tokens computed in two ways.
struct Agreement {
  std::string subject, what;  // "prefill against decode"
  bool ours = false;
  std::string error;                          // as in Answers
  std::int64_t positions = 0, identical = 0;  // identical: every bit of the row, or of the log-probability
  std::optional<double> mean_kl, max_kl;      // nats, between the two distributions of a position
  Drift drift;                                // of the log-probabilities of the tokens
};

struct Finding {
  int number = 0;
  std::string claim;
  Verdict verdict = Verdict::missing;
  std::string sentence;  // the verdict in words
  std::vector<Trial> trials;
  std::vector<Answers> answers;
  std::vector<Agreement> agreements;
  std::vector<std::string> notes;  // what was not tested, and why
  double seconds = 0;
};

}  // namespace verbatim::lab
