// LoadPlan: which requests a load test sends, and when. A function of its shape and seed alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace verbatim::client {

// Lengths of prompts are counted in words: the client has no tokenizer. The words are short and common, about a
// token each; what the server counted is what is reported.
struct LoadShape {
  std::int64_t prompts = 1000;
  double request_rate = 0;         // a second, Poisson arrivals; 0: all at once
  std::int64_t input_words = 0;    // 0: by the mix
  std::int64_t output_tokens = 0;  // 0: by the mix
  bool repeat_one = false;         // the first request again and again
  std::uint64_t seed = 0;
};

struct PlannedRequest {
  double at = 0;  // seconds after the start
  std::string prompt;
  std::int64_t max_tokens = 0;
};

// The mix: lengths are log-normal, cut to 4 .. 1024. Prompts: median 107, sigma 1.35; answers: median 131,
// sigma 0.95. The means, 215 and 198, are those of the ShareGPT sample that serving benchmarks are known by
// (vLLM's: 215,196 and 198,343 tokens in 1,000 requests).
std::vector<PlannedRequest> plan_load(const LoadShape& shape);

}  // namespace verbatim::client
