#include "lab/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <set>

#include "base/check.h"
#include "base/sha256.h"

namespace verbatim::lab {
namespace {

Sha256Digest digest_of(const std::vector<float>& result) {
  Sha256 sha;
  sha.update(result.data(), result.size() * sizeof(float));
  return sha.digest();
}

std::optional<std::size_t> first_different_bits(const std::vector<float>& a, const std::vector<float>& b) {
  CHECK(a.size() == b.size(), "a run gave {} numbers, another {}", a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i])) return i;
  }
  return std::nullopt;
}

// NaN counts as infinitely far from everything but itself.
double distance_of(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double distance = std::fabs(static_cast<double>(a[i]) - b[i]);
    if (std::isnan(distance)) distance = std::isnan(a[i]) && std::isnan(b[i]) ? 0 : HUGE_VAL;
    largest = std::max(largest, distance);
  }
  return largest;
}

}  // namespace

Trial compare(const Comparison& c) {
  using Clock = std::chrono::steady_clock;
  Trial trial{.subject = c.subject, .what = c.what, .ours = c.ours};
  std::set<Sha256Digest> digests;
  std::vector<float> first, result;
  auto start = Clock::now();
  for (std::int64_t run = 0; run < c.runs; ++run) {
    trial.cut_short = run >= 2 && std::chrono::duration<double>(Clock::now() - start).count() > c.seconds;
    if (trial.cut_short) break;
    c.compute(run, result);
    if (run == 0) first = result;
    if (auto at = first_different_bits(first, result); at && !trial.difference)
      trial.difference = Difference{fmt::format("{}, output {}", c.name(run), *at), first[*at], result[*at]};
    digests.insert(digest_of(result));
    if (c.x) trial.distances.push_back({c.x(run), distance_of(first, result)});
    ++trial.runs;
  }
  std::ranges::sort(trial.distances, {}, &Distance::x);
  trial.distinct = static_cast<std::int64_t>(digests.size());
  return trial;
}

std::string hex_bits(float x) { return fmt::format("0x{:08x}", std::bit_cast<std::uint32_t>(x)); }

}  // namespace verbatim::lab
