#include "client/load_plan.h"

#include <algorithm>
#include <cmath>

#include "client/draws.h"

namespace verbatim::client {
namespace {

struct LogNormal {
  double median, sigma;
};
constexpr LogNormal kInput{107, 1.35}, kOutput{131, 0.95};
constexpr double kShortest = 4, kLongest = 1024;

std::int64_t length(Draws& draws, LogNormal shape) {
  double drawn = shape.median * std::exp(shape.sigma * draws.normal());
  return static_cast<std::int64_t>(std::clamp(drawn, kShortest, kLongest));
}

}  // namespace

std::vector<PlannedRequest> plan_load(const LoadShape& shape) {
  Draws draws(shape.seed);
  std::vector<PlannedRequest> plan;
  double at = 0;
  for (std::int64_t i = 0; i < shape.prompts; ++i) {
    PlannedRequest request;
    if (shape.repeat_one && i > 0) {
      request = plan.front();
    } else {
      std::int64_t input = shape.input_words > 0 ? shape.input_words : length(draws, kInput);
      request.prompt = draws.words(input);
      request.max_tokens = shape.output_tokens > 0 ? shape.output_tokens : length(draws, kOutput);
    }
    request.at = at;
    plan.push_back(std::move(request));
    if (shape.request_rate > 0) at += draws.exponential() / shape.request_rate;
  }
  return plan;
}

}  // namespace verbatim::client
