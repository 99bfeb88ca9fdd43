// spec/moe.h against its formulas in double with a choice by brute force, and what its bits must keep: ties, orders, faults.
#include "spec/moe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "spec/bits.h"

namespace verbatim::spec {
namespace {

std::vector<float> draw_row(std::mt19937& random, std::int64_t n, float low, float high) {
  std::uniform_real_distribution<float> of(low, high);
  std::vector<float> x;
  for (std::int64_t i = 0; i < n; ++i) x.push_back(of(random));
  return x;
}

// The routers of the table in moe.h.
struct NamedRouter {
  const char* name;
  Router router;
};
std::vector<NamedRouter> families() {
  using enum RouterGate;
  return {
      {"qwen3moe", {.gate = softmax, .experts = 128, .chosen = 8, .renormalised = true}},
      {"not renormalised", {.gate = softmax, .experts = 64, .chosen = 6, .scale = 1.5f}},
      {"gpt-oss", {.gate = of_chosen, .experts = 32, .chosen = 4}},
      {"granitemoe", {.gate = of_chosen, .experts = 72, .chosen = 10}},
      {"deepseek v2",
       {.gate = softmax, .experts = 160, .chosen = 6, .scale = 16, .groups = 8, .groups_used = 3}},
      {"deepseek v3",
       {.gate = sigmoid,
        .experts = 256,
        .chosen = 8,
        .renormalised = true,
        .sum_epsilon = 1e-20f,
        .scale = 2.5f,
        .groups = 8,
        .groups_used = 4,
        .group_best = 2}},
      {"lfm2moe", {.gate = sigmoid, .experts = 32, .chosen = 4, .renormalised = true, .sum_epsilon = 1e-6f}},
      {"one of one", {.gate = softmax, .experts = 1, .chosen = 1, .renormalised = true}},
      {"all of them", {.gate = sigmoid, .experts = 5, .chosen = 5, .renormalised = true}},
  };
}

// The weight of each expert by the formulas, in double; 0: not chosen.
std::vector<double> exact_weights(const Router& r, const float* z) {
  const auto n = static_cast<std::size_t>(r.experts);
  std::vector<double> s(n), c(n);
  double largest = z[0], sum = 0;
  for (std::size_t j = 0; j < n; ++j) largest = std::max(largest, static_cast<double>(z[j]));
  for (std::size_t j = 0; j < n; ++j) {
    const double x = z[j];
    s[j] = r.gate == RouterGate::sigmoid ? 1 / (1 + std::exp(-x)) : std::exp(x - largest);
    sum += s[j];
  }
  for (std::size_t j = 0; j < n; ++j) {
    if (r.gate == RouterGate::softmax) s[j] /= sum;
    const bool by_logit = r.bias == nullptr || r.gate == RouterGate::of_chosen;
    c[j] = (by_logit ? static_cast<double>(z[j]) : s[j]) +
           (r.bias != nullptr ? static_cast<double>(r.bias[j]) : 0);
  }

  // A group, or an expert, is chosen where fewer than so many come before it.
  const auto groups = static_cast<std::size_t>(r.groups), size = n / groups;
  std::vector<double> counts;
  for (std::size_t g = 0; g < groups; ++g) {
    std::vector<double> group(c.begin() + static_cast<std::ptrdiff_t>(g * size),
                              c.begin() + static_cast<std::ptrdiff_t>((g + 1) * size));
    std::sort(group.rbegin(), group.rend());
    counts.push_back(group[0] + (r.group_best == 2 ? group[1] : 0));
  }
  auto before = [](const std::vector<double>& value, std::size_t i) {
    std::int64_t count = 0;
    for (std::size_t j = 0; j < value.size(); ++j)
      count += value[j] > value[i] || (value[j] == value[i] && j < i) ? 1 : 0;
    return count;
  };
  for (std::size_t j = 0; j < n; ++j)
    if (before(counts, j / size) >= r.groups_used) c[j] = -INFINITY;
  std::vector<double> w(n);
  double chosen_sum = 0;
  for (std::size_t j = 0; j < n; ++j) {
    if (before(c, j) < r.chosen) w[j] = s[j];
    chosen_sum += w[j];
  }
  for (std::size_t j = 0; j < n; ++j) {
    if (r.gate == RouterGate::of_chosen) w[j] /= chosen_sum;
    if (r.renormalised) w[j] /= chosen_sum + static_cast<double>(r.sum_epsilon);
    w[j] *= static_cast<double>(r.scale) *
            (r.expert_scale != nullptr ? static_cast<double>(r.expert_scale[j]) : 1);
  }
  return w;
}

void expect_formula(const NamedRouter& of, const std::vector<float>& z) {
  SCOPED_TRACE(of.name);
  const std::vector<double> exact = exact_weights(of.router, z.data());
  const std::vector<ChosenExpert> chosen = route(of.router, z.data());
  ASSERT_EQ(static_cast<std::int64_t>(chosen.size()), of.router.chosen);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    ASSERT_TRUE(i == 0 || chosen[i - 1].expert < chosen[i].expert) << "in increasing order";
    const double expected = exact[static_cast<std::size_t>(chosen[i].expert)];
    ASSERT_GT(expected, 0) << "expert " << chosen[i].expert << " is not among the best";
    ASSERT_NEAR(static_cast<double>(chosen[i].weight) / expected, 1, 2e-6) << "expert " << chosen[i].expert;
  }
}

TEST(Moe, IsItsFormula) {
  std::mt19937 random(1);
  for (NamedRouter of : families()) {
    for (int times = 0; times < 30; ++times) {
      const std::vector<float> z = draw_row(random, of.router.experts, -6, 6);
      const std::vector<float> bias = draw_row(random, of.router.experts, -0.1f, 0.1f);
      const std::vector<float> scale = draw_row(random, of.router.experts, 0.5f, 2);
      for (const bool has_bias : {false, true}) {
        for (const bool has_scale : {false, true}) {
          of.router.bias = has_bias ? bias.data() : nullptr;
          of.router.expert_scale = has_scale ? scale.data() : nullptr;
          expect_formula(of, z);
        }
      }
    }
  }
}

TEST(Moe, TiesGoToTheLowerExpert) {
  for (const NamedRouter& of : families()) {
    SCOPED_TRACE(of.name);
    const std::vector<float> z(static_cast<std::size_t>(of.router.experts), 0.25f);
    const std::vector<ChosenExpert> chosen = route(of.router, z.data());
    for (std::size_t i = 0; i < chosen.size(); ++i) ASSERT_EQ(chosen[i].expert, static_cast<int>(i));
  }
  // Zeros of both signs are one value.
  const float zeros[] = {-0.0f, 0.0f, -0.0f, 0.0f};
  const std::vector<ChosenExpert> chosen = route({.experts = 4, .chosen = 2}, zeros);
  EXPECT_EQ(chosen[0].expert, 0);
  EXPECT_EQ(chosen[1].expert, 1);
}

// Equal groups: the lower one; within it the best experts, wherever they are.
TEST(Moe, TiesOfGroupsGoToTheLowerGroup) {
  const float z[] = {1, 3, 2, 3, 0, 3, -1, 3};
  const Router router{.experts = 8, .chosen = 2, .groups = 4, .groups_used = 2};
  const std::vector<ChosenExpert> chosen = route(router, z);
  EXPECT_EQ(chosen[0].expert, 1);
  EXPECT_EQ(chosen[1].expert, 3);
}

// A group counts as its two best: one expert that is better than all does not carry its group.
TEST(Moe, GroupsCountAsTheirBestExperts) {
  const float z[] = {5, -9, 2, 2};
  Router router{.experts = 4, .chosen = 1, .groups = 2, .groups_used = 1};
  EXPECT_EQ(route(router, z)[0].expert, 0);
  router.group_best = 2;
  EXPECT_EQ(route(router, z)[0].expert, 2);
}

// Logits that differ by so little that their scores are equal are still two values.
TEST(Moe, WithoutABiasLogitsChooseAndNotScores) {
  const float z[] = {20, std::nextafter(20.0f, 30.0f)};
  ASSERT_EQ(sigmoid(z[0]), sigmoid(z[1]));
  for (const RouterGate gate : {RouterGate::softmax, RouterGate::sigmoid, RouterGate::of_chosen})
    EXPECT_EQ(route({.gate = gate, .experts = 2, .chosen = 1}, z)[0].expert, 1);
}

// The bias moves the choice and no weight.
TEST(Moe, TheBiasChoosesAndDoesNotWeigh) {
  const float z[] = {0, 0.5f, 1, 1.5f}, bias[] = {9, 0, 8, 0};
  const Router router{.gate = RouterGate::sigmoid, .experts = 4, .chosen = 2, .bias = bias};
  const std::vector<ChosenExpert> chosen = route(router, z);
  EXPECT_EQ(chosen[0].expert, 0);
  EXPECT_EQ(chosen[1].expert, 2);
  EXPECT_EQ(bits(chosen[0].weight), bits(sigmoid(0)));
  EXPECT_EQ(bits(chosen[1].weight), bits(sigmoid(1)));
}

// Whoever is not chosen changes no weight of a softmax of the chosen.
TEST(Moe, OfChosenLooksAtTheChosenAlone) {
  std::mt19937 random(2);
  std::vector<float> z = draw_row(random, 32, -4, 0);
  for (std::size_t j : {3u, 9u, 20u, 31u}) z[j] += 5;
  const Router router{.gate = RouterGate::of_chosen, .experts = 32, .chosen = 4};
  const std::vector<ChosenExpert> before = route(router, z.data());
  for (std::size_t j = 0; j < z.size(); ++j)
    if (z[j] < 0) z[j] -= 1;
  const std::vector<ChosenExpert> after = route(router, z.data());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].expert, after[i].expert);
    EXPECT_EQ(bits(before[i].weight), bits(after[i].weight));
  }
}

// One NaN or infinity anywhere, chosen or not, and no weight is a number.
TEST(Moe, FaultsReachEveryWeight) {
  for (NamedRouter of : families()) {
    SCOPED_TRACE(of.name);
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      std::vector<float> z(static_cast<std::size_t>(of.router.experts), 0.5f);
      z.back() = bad;
      for (const ChosenExpert& chosen : route(of.router, z.data())) EXPECT_TRUE(std::isnan(chosen.weight));
      std::vector<float> bias(z.size());
      bias.back() = bad;
      z.back() = 0;
      of.router.bias = bias.data();
      for (const ChosenExpert& chosen : route(of.router, z.data())) EXPECT_TRUE(std::isnan(chosen.weight));
      of.router.bias = nullptr;
    }
  }
}

TEST(Moe, TheSumIsAChainOfFmaInIncreasingExpert) {
  std::mt19937 random(3);
  constexpr std::int64_t kDim = 70;
  const float weights[] = {0.3f, 0.1f, 0.6f};
  const std::vector<float> rows = draw_row(random, 3 * kDim, -1, 1), shared = draw_row(random, kDim, -1, 1);
  std::vector<float> y(kDim), with_shared(kDim), gated(kDim);
  moe_sum(weights, 3, rows.data(), nullptr, 1, kDim, y.data());
  moe_sum(weights, 3, rows.data(), shared.data(), 1, kDim, with_shared.data());
  moe_sum(weights, 3, rows.data(), shared.data(), 0.37f, kDim, gated.data());
  for (std::size_t i = 0; i < kDim; ++i) {
    const float sum = fma(0.6f, rows[2 * kDim + i], fma(0.1f, rows[kDim + i], 0.3f * rows[i]));
    ASSERT_EQ(bits(y[i]), bits(sum));
    ASSERT_EQ(bits(with_shared[i]), bits(sum + shared[i])) << "without a gate: one addition";
    ASSERT_EQ(bits(gated[i]), bits(fma(0.37f, shared[i], sum)));
  }
}

TEST(MoeDeathTest, RefusesRoutersThatCannotChoose) {
  const float z[] = {1, 2, 3, 4};
  EXPECT_DEATH(route({.experts = 4, .chosen = 5}, z), "among the experts that it has");
  EXPECT_DEATH(route({.experts = 4, .chosen = 3, .groups = 2, .groups_used = 1}, z), "among the experts");
  EXPECT_DEATH(route({.experts = 4, .chosen = 1, .groups = 4, .groups_used = 1, .group_best = 2}, z), "best");
}

}  // namespace
}  // namespace verbatim::spec
