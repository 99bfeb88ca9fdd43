#include "audit/plan.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/utf8.h"
#include "client/draws.h"

namespace verbatim::audit {
namespace {

using client::Draws;

constexpr std::size_t kBytesOfARequest = 1000;                 // of a plan, beside the prompt: about
constexpr double kMostBytes = 5e9;                             // of a plan: a results file may ask for any
constexpr std::uint64_t kShortestTail = 2, kLongestTail = 40;  // words after a shared beginning
constexpr std::uint64_t kShortestHostile = 4, kLongestHostile = 200;  // words

std::int64_t between(Draws& draws, std::uint64_t least, std::uint64_t most) {
  return static_cast<std::int64_t>(least + draws.below(most - least + 1));
}

// The probe's prompt, or its beginning up to some space, and then words of its own.
std::string friendly_prompt(Draws& draws, const std::string& prompt) {
  std::size_t end = prompt.size();
  if (draws.below(2) == 0) {
    std::size_t space = prompt.rfind(' ', draws.below(prompt.size() + 1));
    if (space != prompt.npos && space > 0) end = space;
  }
  return prompt.substr(0, end) + ' ' + draws.words(between(draws, kShortestTail, kLongestTail));
}

Request neighbour_of(Draws& draws, const AuditShape& shape, const Condition& condition) {
  Request request = probe_of(shape, condition.temperature);
  request.prompt = condition.neighbours == Neighbours::friendly
                       ? friendly_prompt(draws, shape.prompt)
                       : draws.words(between(draws, kShortestHostile, kLongestHostile));
  request.max_tokens = between(draws, 1, static_cast<std::uint64_t>(shape.max_tokens));
  return request;
}

template <class Value>
bool distinct_and_some(const std::vector<Value>& values) {
  return !values.empty() && std::set<Value>(values.begin(), values.end()).size() == values.size();
}

Status check(const AuditShape& shape) {
  auto conditions = static_cast<std::int64_t>(2 * shape.concurrency.size());
  auto is_finite = [](double temperature) { return std::isfinite(temperature); };
  if (shape.prompt.empty()) return fail("the prompt is empty");
  if (well_formed_bytes(shape.prompt, 0) != shape.prompt.size()) return fail("the prompt is not UTF-8");
  if (shape.max_tokens < 1) return fail("max_tokens is {}, must be 1 or more", shape.max_tokens);
  if (!distinct_and_some(shape.concurrency) || std::ranges::min(shape.concurrency) < 1) {
    return fail("the concurrencies must be different numbers, 1 or more");
  }
  if (!std::ranges::all_of(shape.temperatures, is_finite) || !distinct_and_some(shape.temperatures) ||
      std::ranges::min(shape.temperatures) < 0) {
    return fail("the temperatures must be different numbers, 0 or more");
  }
  if (shape.repeat < conditions) {
    return fail("repeat is {}: with {} concurrencies and 2 kinds of neighbours it must be {} or more",
                shape.repeat, shape.concurrency.size(), conditions);
  }
  const double requests =
      2.0 * static_cast<double>(shape.repeat) * static_cast<double>(shape.temperatures.size());
  const double bytes = requests * static_cast<double>(shape.prompt.size() + kBytesOfARequest);
  if (bytes > kMostBytes)
    return fail(
        "repeat is {}: the plan would have {} requests with {} MB of prompts, at most {} MB are allowed",
        shape.repeat, requests, std::floor(bytes / 1e6), kMostBytes / 1e6);
  return {};
}

}  // namespace

Request probe_of(const AuditShape& shape, double temperature) {
  return {shape.prompt, shape.max_tokens, temperature, shape.seed};
}

Result<std::vector<PlannedRequest>> make_plan(const AuditShape& shape) {
  if (Status status = check(shape); !status) return status.error();
  std::vector<std::int64_t> concurrency = shape.concurrency;
  std::ranges::sort(concurrency);
  Draws draws(shape.seed);
  std::vector<PlannedRequest> plan;
  for (double temperature : shape.temperatures) {
    auto left = static_cast<std::int64_t>(2 * concurrency.size());  // conditions
    std::int64_t probes = shape.repeat;
    for (std::int64_t requests : concurrency) {
      for (Neighbours neighbours : {Neighbours::friendly, Neighbours::hostile}) {
        Condition condition{requests, temperature, neighbours};
        std::int64_t share = probes / left--;
        probes -= share;
        auto begin = static_cast<std::ptrdiff_t>(plan.size());
        for (std::int64_t i = 0; i < share; ++i) {
          plan.push_back({condition, true, probe_of(shape, temperature)});
          plan.push_back({condition, false, neighbour_of(draws, shape, condition)});
        }
        for (std::size_t i = plan.size() - 1; i > static_cast<std::size_t>(begin); --i) {  // Fisher and Yates
          std::size_t other =
              static_cast<std::size_t>(begin) + draws.below(i - static_cast<std::size_t>(begin) + 1);
          std::swap(plan[i], plan[other]);
        }
      }
    }
  }
  std::ranges::stable_sort(plan, {}, [](const PlannedRequest& each) { return each.condition.concurrency; });
  return plan;
}

AuditShape greedy_only(AuditShape shape) {
  std::erase_if(shape.temperatures, [](double temperature) { return temperature > 0; });
  return shape;
}

}  // namespace verbatim::audit
