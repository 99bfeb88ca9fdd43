// What a load test found, as numbers, as vLLM's "Serving Benchmark Result" and as JSON.
//
// TTFT: from sending to the first piece of text. TPOT: of a request, (last piece - first) / (tokens - 1).
// ITL: between two pieces of one request. Percentiles interpolate linearly between ranks. Only requests that were
// answered whole count.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "client/load_run.h"

namespace verbatim::client {

struct Spread {
  double mean = 0, median = 0, p99 = 0;  // 0 without values
};
Spread spread_of(std::vector<double> values);

struct LoadReport {
  std::int64_t completed = 0, failed = 0;
  std::int64_t input_tokens = 0, output_tokens = 0;
  double seconds = 0;
  Spread ttft, tpot, itl, latency;    // seconds
  std::int64_t distinct_answers = 0;  // by text and finish reason, among those completed
  std::vector<std::string> errors;    // different ones, a few
};
LoadReport report_of(const LoadResult& result);

std::string to_text(const LoadReport& report);
nlohmann::json to_json(const LoadReport& report);

}  // namespace verbatim::client
