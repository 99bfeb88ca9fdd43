// The report as JSON for the page's script (page/report.js), with what is too much for a page left out and counted.
#pragma once

#include <cstddef>
#include <string>

#include "report/report.h"

namespace verbatim::report {

// How much of one group of lanes travels with the page. What the reader is told about all lanes (counts, drift,
// margins) never depends on it.
struct PageLimits {
  std::size_t answers = 1000;       // different ones, the most frequent first
  std::size_t positions = 20'000;   // of an answer
  std::size_t tokens = 1'200'000;   // of all answers
  std::size_t logprobs = 150'000;   // of all answers: chosen tokens and candidates
  std::size_t token_bytes = 1'000;  // of one token's text
  std::size_t text = 4'000'000;     // bytes of all different tokens
};

std::string page_data(const Report& report, const PageLimits& limits = {});

}  // namespace verbatim::report
