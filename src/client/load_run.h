// Sends a planned load to a server that speaks the OpenAI API, and notes when each token of each answer came.
//
// HTTP/1.1 or HTTPS, streamed answers, one thread. Times are those of the moment in which an event was read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/endpoint.h"
#include "client/load_plan.h"
#include "client/url.h"

namespace verbatim::client {

struct LoadTarget {
  Url url;
  Endpoint endpoint = Endpoint::completions;
  std::string model;    // empty: the first that /v1/models lists
  std::string api_key;  // empty: none is sent
  double temperature = 0;
  std::uint64_t seed = 0;
  bool ignore_eos = false;           // asks for answers of full length; not every server knows it
  std::int64_t max_concurrency = 0;  // requests at a time; 0: all that have come, 20,000 at most
};

// What became of one request. Times in seconds since the start of the load.
struct Outcome {
  std::string error;  // one sentence; empty: it was answered whole
  double sent = 0, done = 0;
  std::vector<double> events;  // when each piece of text came
  std::string text;
  std::string finish_reason;
  std::int64_t input_tokens = 0, output_tokens = 0;  // as the server counted; else the pieces
};

struct LoadResult {
  std::string model;
  double seconds = 0;
  std::vector<Outcome> outcomes;  // in the order of the plan
};

// A request that fails is an outcome.  Errors: the server cannot be reached, or names no model.
Result<LoadResult> run_load(const LoadTarget& target, const std::vector<PlannedRequest>& plan);

}  // namespace verbatim::client
