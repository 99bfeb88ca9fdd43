#include "backend/cpu/moe.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "base/row_scan.h"

namespace verbatim::cpu {
namespace {

// The n largest of v, ties to the lower place -> their places, in increasing order.
void find_largest(std::span<const float> v, std::int64_t n, std::int32_t* places) {
  std::int64_t held = 0;  // the best so far, best first
  for (std::int32_t i = 0; i < std::ssize(v); ++i) {
    const float value = v[static_cast<std::size_t>(i)];
    const auto beats = [&](std::int64_t at) { return value > v[static_cast<std::size_t>(places[at])]; };
    if (held == n && !beats(n - 1)) continue;
    std::int64_t at = held < n ? held++ : n - 1;
    for (; at > 0 && beats(at - 1); --at) places[at] = places[at - 1];
    places[at] = i;
  }
  std::sort(places, places + n);
}

}  // namespace

void RowRouter::reserve(const spec::Router& router) {
  const auto experts = static_cast<std::size_t>(router.experts);
  s_.resize(experts);
  c_.resize(experts);
  left_.resize(experts);
  counts_.resize(static_cast<std::size_t>(router.groups));
  kept_.resize(static_cast<std::size_t>(router.groups_used));
}

void RowRouter::route_row(const FloatOps& ops, const spec::Router& router, const float* z,
                          std::int32_t* experts, float* weights) {
  const auto width = static_cast<std::size_t>(router.experts);
  bool finite = all_finite({z, width});
  const float* c = z;
  if (finite) score(ops, router, z);
  if (finite && router.bias != nullptr) {  // R2
    std::copy_n(s_.data(), router.experts, c_.data());
    ops.add(c_.data(), router.bias, router.experts);
    c = c_.data();
    finite = all_finite({c, width});
  }
  if (!finite) {
    std::iota(experts, experts + router.chosen, 0);
    std::fill_n(weights, router.chosen, NAN);
    return;
  }
  choose(router, c, experts);
  for (std::int64_t i = 0; i < router.chosen; ++i) weights[i] = s_[static_cast<std::size_t>(experts[i])];
  spec::weigh(router, z, experts, weights);
}

// R1
void RowRouter::score(const FloatOps& ops, const spec::Router& router, const float* z) {
  const std::int64_t n = router.experts;
  switch (router.gate) {
    case spec::RouterGate::softmax: {
      const float m = ops.max(z, n);
      ops.exp_of_logits(z, m, 1, n, s_.data());
      ops.divide(s_.data(), ops.sum_of_exp(z, n, m), n, s_.data());
      return;
    }
    case spec::RouterGate::sigmoid:
      return ops.sigmoid(z, n, s_.data());
    case spec::RouterGate::of_chosen:
      std::copy_n(z, n, s_.data());
  }
}

void RowRouter::choose(const spec::Router& router, const float* c, std::int32_t* experts) {
  const std::int64_t size = router.experts / router.groups;
  for (std::int64_t g = 0; g < router.groups; ++g) {  // F1
    const float* group = c + g * size;
    std::int32_t best[2];
    find_largest({group, static_cast<std::size_t>(size)}, router.group_best, best);
    counts_[static_cast<std::size_t>(g)] =
        router.group_best == 2 ? group[best[0]] + group[best[1]] : group[best[0]];
  }
  find_largest(counts_, router.groups_used, kept_.data());
  float* to = left_.data();
  for (const std::int32_t g : kept_) to = std::copy_n(c + g * size, size, to);
  find_largest({left_.data(), static_cast<std::size_t>(to - left_.data())}, router.chosen, experts);  // F2
  for (std::int64_t i = 0; i < router.chosen; ++i)
    experts[i] = static_cast<std::int32_t>(kept_[static_cast<std::size_t>(experts[i] / size)] * size +
                                           experts[i] % size);
}

void sum_experts(const FloatOps& ops, const ExpertSum& of, std::int64_t row, std::int64_t d, float* y) {
  const float* weights = of.weights + row * of.chosen;
  const float* expert_rows = of.expert_rows + row * of.chosen * d;
  std::copy_n(expert_rows, d, y);
  ops.scale(y, weights[0], d);
  for (std::int64_t e = 1; e < of.chosen; ++e) ops.add_weighted(y, expert_rows + e * d, weights[e], d);
  if (of.shared != nullptr) ops.add_weighted(y, of.shared + row * d, of.shared_weight(row), d);
}

}  // namespace verbatim::cpu
