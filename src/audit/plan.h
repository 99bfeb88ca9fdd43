// The plan of an audit: one request, the probe, again and again among others that differ; at several
// concurrencies, temperatures and kinds of neighbours. A function of its shape alone.
//
// Half of the requests are probes. A condition's requests are shuffled, so that every probe meets other
// neighbours; conditions come one after the other, those of the smallest concurrency first.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace verbatim::audit {

// What is asked. Two requests that are equal should get equal answers.
struct Request {
  std::string prompt;
  std::int64_t max_tokens = 0;
  double temperature = 0;
  std::uint64_t seed = 0;  // sent where the server takes seeds

  auto operator<=>(const Request&) const = default;
};

enum class Neighbours : std::uint8_t {
  friendly,  // begin as the probe does: their prompts share its cache
  hostile,   // have nothing in common with it, and push it out of caches
};
constexpr const char* kNeighbourNames[] = {"friendly", "hostile"};

struct Condition {
  std::int64_t concurrency = 1;  // requests at a time
  double temperature = 0;
  Neighbours neighbours = Neighbours::friendly;

  auto operator<=>(const Condition&) const = default;
};

struct AuditShape {
  std::string prompt;
  std::int64_t max_tokens = 64;
  std::int64_t repeat = 200;  // probes at each temperature, spread over concurrencies and neighbours
  std::vector<std::int64_t> concurrency = {1, 4, 8, 16};
  std::vector<double> temperatures = {0, 1};
  std::uint64_t seed = 42;  // of the plan, and of every request

  bool operator==(const AuditShape&) const = default;
};

struct PlannedRequest {
  Condition condition;
  bool probe = false;
  Request request;
};

// The request that is repeated at this temperature.
Request probe_of(const AuditShape& shape, double temperature);

// Errors: what in the shape leaves nothing to compare.
Result<std::vector<PlannedRequest>> make_plan(const AuditShape& shape);

// The same without the requests whose temperature a seed would have to make repeatable.
AuditShape greedy_only(AuditShape shape);

}  // namespace verbatim::audit
