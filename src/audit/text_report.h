// Findings as text, for a terminal and for the log of a build.
#pragma once

#include <string>

#include "audit/findings.h"
#include "audit/verdict.h"

namespace verbatim::audit {

// What is about to happen and what it costs at most: to be read before the first request is sent.
std::string announce(const Header& header, std::int64_t done, std::int64_t max_requests);

std::string to_text(const Results& results, const Findings& findings, const Judgement& judgement);

// "-": no log-probabilities; "0": the same bits; "top list": those of the tokens are.
std::string drift_text(const ConditionFindings& row);

// One line, quoted, with visible control characters and at most `most` bytes.
std::string quoted(const std::string& text, std::size_t most = 60);
std::string logprob_text(std::optional<double> logprob);  // "not shown" where there is none
std::string parting_text(const Parting& parting);  // "token 17: " pear" (-0.7) instead of ..., margin 0.01"

}  // namespace verbatim::audit
