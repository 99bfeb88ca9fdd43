// moe: a mixture of experts: which of them see a row, and the weighted sum of what they give   (Shazeer et al. 2017)
//
// Meaning   A router has one logit z_j for each expert. Its k best experts are chosen; each computes its own feed-forward of the
//           row, and y = sum w_e y_e, plus a shared expert's where the model has one.
// Shapes    z (experts), bias and expert_scale (experts) where there are any -> k (expert, weight), by increasing expert
//           y_e (d) of each chosen expert, shared (d) -> y (d) float32
// Rounding  z is by linear.h, and so is every y_e: whichever rows share an expert, its products are exact integers.
//           Scores, s_j, one of
//           R1  softmax    m = max z (exact);  e_j = exp(z_j - m);  s_j = e_j / lanes64 of e
//               sigmoid    s_j = sigmoid(z_j)                       sigmoid.h
//               of_chosen  s_j = z_j
//           Choice, by c_j
//           R2  c_j = s_j + bias_j where the router has a bias, else c_j = z_j (exact)
//           F1  groups: experts are cut into equal groups in increasing order. A group counts as the sum of its `group_best` largest
//               c_j, largest first, by additions; the `groups_used` groups that count most are kept, ties to the lower
//               group. Experts of other groups are left out.
//           F2  the k largest c_j, ties to the lower expert
//           Weights, of the chosen alone; sums are chains of additions in increasing expert
//           R3  softmax, sigmoid   w_j = s_j
//               of_chosen          w_j = exp(z_j - m) / sum of these, m = the largest z_j of the chosen
//           R4  w_j = w_j / (sum of w + sum_epsilon)      where weights are renormalised (adding 0 is exact)
//           R5  w_j = w_j * scale                         (by 1: exact)
//           R6  w_j = w_j * expert_scale_j                where the model has one for each expert
//           Sum
//           R7  y[i] = w_e y_e[i] of the first expert; then y[i] = fma(w_e, y_e[i], y[i]) in increasing expert
//           R8  y[i] = fma(w_shared, shared[i], y[i]): the shared expert joins last, with weight 1 or sigmoid of its own gate
// Order     chains in increasing expert; lanes64.h.
//
// Where a z_j or a c_j is not finite there is no choice: experts 0 to k - 1 have weight NaN, which reaches y and is found there.
//
//   family                                   gate        renormalised   besides
//   qwen3moe, qwen3next, qwen35moe           softmax     yes            35moe, next: shared expert with a gate
//   gpt-oss, granitemoe                      of_chosen   no             granitemoe: shared expert
//   gemma4                                   softmax     yes            expert_scale
//   deepseek2 (V2)                           softmax     no             scale; groups, group_best 1; shared expert
//   deepseek2 (V3), glm4moe, nemotron_h_moe  sigmoid     1e-20          bias; scale; groups, group_best 2; shared expert
//   lfm2moe                                  sigmoid     1e-6           bias
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "spec/exp.h"
#include "spec/fma.h"
#include "spec/lanes64.h"
#include "spec/sigmoid.h"

namespace verbatim::spec {

enum class RouterGate : std::uint8_t { softmax, sigmoid, of_chosen };

struct Router {
  RouterGate gate = RouterGate::softmax;
  std::int64_t experts = 0;
  std::int64_t chosen = 0;  // k, of each row
  bool renormalised = false;
  float sum_epsilon = 0;  // R4
  float scale = 1;        // R5
  std::int64_t groups = 1, groups_used = 1;
  int group_best = 1;                   // 1 or 2
  const float* bias = nullptr;          // (experts)
  const float* expert_scale = nullptr;  // (experts)
};

struct ChosenExpert {
  std::int32_t expert = 0;
  float weight = 0;
};

namespace moe_detail {

// The n largest of `of`, by value(of[i]), ties to the earlier one; in increasing order of their places.
template <typename Value>
std::vector<std::int32_t> largest(std::vector<std::int32_t> of, std::int64_t n, Value value) {
  std::stable_sort(of.begin(), of.end(), [&](std::int32_t a, std::int32_t b) { return value(a) > value(b); });
  of.resize(static_cast<std::size_t>(n));
  std::sort(of.begin(), of.end());
  return of;
}

inline std::vector<std::int32_t> numbered(std::int64_t n) {
  std::vector<std::int32_t> of(static_cast<std::size_t>(n));
  std::iota(of.begin(), of.end(), 0);
  return of;
}

// R1
inline std::vector<float> scores(const Router& router, const float* z) {
  std::vector<float> s(z, z + router.experts);
  if (router.gate == RouterGate::softmax) {
    const float m = *std::max_element(s.begin(), s.end());
    for (float& x : s) x = exp(x - m);
    const float sum = lanes64_sum(s.data(), router.experts);
    for (float& x : s) x = x / sum;
  } else if (router.gate == RouterGate::sigmoid) {
    for (float& x : s) x = sigmoid(x);
  }
  return s;
}

// F1.  c: (experts).  The experts of the groups that are kept, in increasing order.
inline std::vector<std::int32_t> kept_experts(const Router& router, const std::vector<float>& c) {
  const std::int64_t size = router.experts / router.groups;
  std::vector<float> counts;
  for (std::int64_t g = 0; g < router.groups; ++g) {
    std::vector<float> group(c.begin() + g * size, c.begin() + (g + 1) * size);
    std::sort(group.begin(), group.end(), [](float a, float b) { return a > b; });
    counts.push_back(router.group_best == 2 ? group[0] + group[1] : group[0]);
  }
  std::vector<std::int32_t> experts;
  for (std::int32_t g : largest(numbered(router.groups), router.groups_used,
                                [&](std::int32_t group) { return counts[static_cast<std::size_t>(group)]; }))
    for (std::int64_t j = g * size; j < (g + 1) * size; ++j) experts.push_back(static_cast<std::int32_t>(j));
  return experts;
}

// A chain of additions: x_0, then + x_1, ...
constexpr float chain_sum(const float* x, std::int64_t n) {
  float sum = x[0];
  for (std::int64_t i = 1; i < n; ++i) sum = sum + x[i];
  return sum;
}

}  // namespace moe_detail

// REQUIRES of every router: 1 <= chosen <= the experts of the groups that are used; groups divide experts
inline void check_router(const Router& router) {
  CHECK(router.groups > 0 && router.experts % router.groups == 0 && router.groups_used <= router.groups &&
            router.chosen > 0 && router.chosen <= router.experts / router.groups * router.groups_used,
        "moe: a router chooses among the experts that it has");
  CHECK((router.group_best == 1 || router.group_best == 2) &&
            router.group_best <= router.experts / router.groups,
        "moe: a group has its best experts, one or two");
}

// R3 to R6.  z: (experts);  experts: (chosen), increasing;  weights: (chosen), s_j of each -> w_j
constexpr void weigh(const Router& router, const float* z, const std::int32_t* experts, float* weights) {
  const std::int64_t k = router.chosen;
  if (router.gate == RouterGate::of_chosen) {  // R3
    float m = -INFINITY;
    for (std::int64_t i = 0; i < k; ++i) m = std::max(m, z[experts[i]]);
    for (std::int64_t i = 0; i < k; ++i) weights[i] = exp(z[experts[i]] - m);
    const float sum = moe_detail::chain_sum(weights, k);
    for (std::int64_t i = 0; i < k; ++i) weights[i] = weights[i] / sum;
  }
  if (router.renormalised) {  // R4
    const float sum = moe_detail::chain_sum(weights, k) + router.sum_epsilon;
    for (std::int64_t i = 0; i < k; ++i) weights[i] = weights[i] / sum;
  }
  for (std::int64_t i = 0; i < k; ++i) {
    weights[i] = weights[i] * router.scale;                                                         // R5
    if (router.expert_scale != nullptr) weights[i] = weights[i] * router.expert_scale[experts[i]];  // R6
  }
}

// z: (experts).  REQUIRES: check_router
inline std::vector<ChosenExpert> route(const Router& router, const float* z) {
  using namespace moe_detail;
  check_router(router);

  const std::vector<float> s = scores(router, z);
  std::vector<float> c(z, z + router.experts);
  bool finite = std::all_of(c.begin(), c.end(), [](float x) { return std::isfinite(x); });
  for (std::int64_t j = 0; router.bias != nullptr && j < router.experts; ++j) {  // R2
    const auto at = static_cast<std::size_t>(j);
    c[at] = s[at] + router.bias[j];
    finite = finite && std::isfinite(c[at]);
  }

  std::vector<ChosenExpert> chosen;
  if (!finite) {
    for (std::int32_t j : numbered(router.chosen)) chosen.push_back({j, NAN});
    return chosen;
  }
  const std::vector<std::int32_t> best =
      largest(kept_experts(router, c), router.chosen,  // F2
              [&](std::int32_t expert) { return c[static_cast<std::size_t>(expert)]; });
  std::vector<float> weights;
  for (std::int32_t j : best) weights.push_back(s[static_cast<std::size_t>(j)]);
  weigh(router, z, best.data(), weights.data());
  for (std::size_t i = 0; i < best.size(); ++i) chosen.push_back({best[i], weights[i]});
  return chosen;
}

// One element of the sum.  weights: (chosen);  of_expert: the element of the first expert's row, the others `d` apart, in their
// order;  shared: the shared expert's, or null
constexpr float moe_element(const float* weights, std::int64_t chosen, const float* of_expert, std::int64_t d,
                            const float* shared, float shared_weight) {
  float sum = weights[0] * of_expert[0];
  for (std::int64_t e = 1; e < chosen; ++e) sum = fma(weights[e], of_expert[e * d], sum);  // R7
  return shared != nullptr ? fma(shared_weight, *shared, sum) : sum;                       // R8
}

// weights: (chosen);  expert_rows: (chosen, d);  shared: (d) or null;  y: (d)
inline void moe_sum(const float* weights, std::int64_t chosen, const float* expert_rows, const float* shared,
                    float shared_weight, std::int64_t d, float* y) {
  for (std::int64_t i = 0; i < d; ++i)
    y[i] = moe_element(weights, chosen, expert_rows + i, d, shared != nullptr ? shared + i : nullptr,
                       shared_weight);
}

}  // namespace verbatim::spec
