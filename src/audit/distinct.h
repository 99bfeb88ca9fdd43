// Distinct answers: which of many answers to one request are the same, and where the others part from the most
// common one.
//
// Two levels. Answers are one at the level of tokens when their tokens (where the server tells them), texts and finish
// reasons are equal, and one at the level of bits when also every log-probability is the same number as printed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audit/answer.h"

namespace verbatim::audit {

// The first place where two answers differ. At the end of one, its token is empty.
struct Parting {
  std::size_t at = 0;         // index of a token; of a byte of the text, where tokens are not known
  bool in_tokens = false;     // which of the two
  std::string common, other;  // the two tokens; without tokens, the texts from there, shortened
  std::optional<double> common_logprob, other_logprob;  // of both, as the most common answer has them
  std::optional<double> own_logprob;                    // of the other's token, as the other answer has it
  // Their difference: how near the two were. Nothing: the most common answer does not show the other's.
  std::optional<double> margin() const;
};

struct DistinctAnswer {
  std::vector<std::size_t> members;  // indices of the answers given, ascending
  std::int64_t bit_patterns = 1;     // distinct among them at the level of bits
  std::optional<Parting> parting;    // from the most common; nothing: it is the most common
};

bool tokens_known(std::span<const Answer* const> answers);  // of all

// The most common first, of equally common ones that whose first member is the first.
std::vector<DistinctAnswer> distinct_answers(std::span<const Answer* const> answers);

// Where two answers part: in tokens where in_tokens, and these differ; else in text.
// REQUIRES: they are not one answer
Parting parting_of(const Answer& common, const Answer& other, bool in_tokens);

// How far log-probabilities of one place are apart, over answers whose tokens agree up to and at it.
struct PlaceDrift {
  std::int64_t compared = 0;  // answers, the reference among them
  std::int64_t distinct = 0;  // different numbers among the token's log-probabilities
  bool same_bits = true;      // the lists of top_logprobs are equal, too
  double largest = 0;         // |difference| from the reference, of the token and of those in both top lists
  std::optional<double> margin;  // of the reference: its likeliest token less the next
};

// One for each token of the reference. Empty: it has no log-probabilities.
std::vector<PlaceDrift> drift_of(const Answer& reference, std::span<const Answer* const> answers);

}  // namespace verbatim::audit
