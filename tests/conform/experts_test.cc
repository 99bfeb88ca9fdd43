// A mixture of experts: route, linear_experts and moe_sum.
#include <algorithm>
#include <cmath>

#include "conform/conform.h"
#include "random_codes.h"
#include "spec/moe.h"

namespace verbatim::conform {
namespace {

class Experts : public Conform {};
INSTANTIATE_TEST_SUITE_P(EveryBackend, Experts, every_backend(), backend_case_name);

// ---- route ----

// Routers as families have them (spec/moe.h), and the smallest and oddest.
std::vector<spec::Router> routers() {
  using enum spec::RouterGate;
  return {
      {.gate = softmax, .experts = 128, .chosen = 8, .renormalised = true},
      {.gate = softmax, .experts = 60, .chosen = 4, .scale = 1.5f},
      {.gate = of_chosen, .experts = 32, .chosen = 4},
      {.gate = softmax, .experts = 160, .chosen = 6, .scale = 16, .groups = 8, .groups_used = 3},
      {.gate = sigmoid,
       .experts = 256,
       .chosen = 8,
       .renormalised = true,
       .sum_epsilon = 1e-20f,
       .scale = 2.5f,
       .groups = 8,
       .groups_used = 4,
       .group_best = 2},
      {.gate = sigmoid, .experts = 33, .chosen = 5, .renormalised = true, .sum_epsilon = 1e-6f},
      {.gate = of_chosen, .experts = 6, .chosen = 3, .groups = 3, .groups_used = 2, .group_best = 2},
      {.gate = softmax, .experts = 1, .chosen = 1},
      {.gate = sigmoid, .experts = 5, .chosen = 5},
      {.gate = of_chosen, .experts = 17, .chosen = 17},
  };
}

// Logits as models have them, with ties, and where scores round to one value.
void fill_logits(Random& random, std::span<float> row) {
  const auto kind = random() % 3;
  for (float& x : row)
    x = kind == 0   ? uniform(random, -8, 8)
        : kind == 1 ? static_cast<float>(pick(random, -2, 2))
                    : uniform(random, 15, 30);
}

struct Routed {
  std::vector<std::int32_t> experts;
  std::vector<float> weights;
};

// bias, scale: (experts) or empty
Routed route(Side& side, spec::Router router, const std::vector<float>& bias, const std::vector<float>& scale,
             const std::vector<float>& z) {
  const std::int64_t rows = std::ssize(z) / router.experts;
  const Array<float> logits = side.put(z), biases = side.put(bias), scales = side.put(scale);
  router.bias = biases.data();
  router.expert_scale = scales.data();
  const auto places = static_cast<std::size_t>(rows * router.chosen);
  const Array<std::int32_t> experts(side.memory(), places);
  const Array<float> weights(side.memory(), places);
  side->route(router, logits.data(), rows, experts.data(), weights.data());
  return {Side::get(experts), Side::get(weights)};
}

TEST_P(Experts, Route) {
  std::vector<Values> values = all_values();
  for (int i = 0; i < 20; ++i) values.push_back({"logits", fill_logits});
  for (const spec::Router& router : routers()) {
    for (bool biased : {false, true}) {
      for (std::int64_t rows : {std::int64_t{1}, std::int64_t{3}, std::int64_t{2} * std::ssize(values)}) {
        const std::vector<float> z = make_matrix(random(), values, random()(), rows, router.experts);
        std::vector<float> bias, scale;
        for (std::int64_t j = 0; biased && j < router.experts; ++j) {
          bias.push_back(uniform(random(), -1, 1));
          scale.push_back(uniform(random(), 0.5f, 2));
        }
        SCOPED_TRACE(testing::Message() << rows << " rows, " << router.chosen << " of " << router.experts
                                        << ", " << router.groups << " groups" << (biased ? ", biased" : ""));
        const Routed expected = route(reference(), router, bias, scale, z),
                     actual = route(backend(), router, bias, scale, z);
        EXPECT_EQ(expected.experts, actual.experts);
        EXPECT_TRUE(same_bits("route", expected.weights, actual.weights, router.chosen));
      }
    }
  }
}

// A bias that is not finite leaves no choice, whatever the logits are.
TEST_P(Experts, RouteWithoutAChoice) {
  const spec::Router router{.gate = spec::RouterGate::sigmoid, .experts = 9, .chosen = 2};
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> bias(9);
    bias[7] = bad;
    const Routed routed = route(backend(), router, bias, {}, make_matrix(random(), finite_values(), 0, 3, 9));
    EXPECT_EQ(routed.experts, (std::vector<std::int32_t>{0, 1, 0, 1, 0, 1}));
    for (float weight : routed.weights) EXPECT_TRUE(std::isnan(weight));
  }
}

// ---- linear_experts ----

struct Stack {
  Weights w;                // (experts * n, k)
  std::vector<float> bias;  // (experts, n) or empty
  std::int64_t experts;
};

// y of each stack for rows `first` to `first + rows` of x.   experts: of all rows of x
std::vector<std::vector<float>> outputs(Side& side, const std::vector<Stack>& stacks,
                                        const std::vector<float>& x, std::int64_t k, FixForm form,
                                        const std::vector<std::int32_t>& experts, std::int64_t chosen,
                                        std::int64_t first, std::int64_t rows) {
  const auto part = [&](const auto& of, std::int64_t width) {
    return std::vector(of.begin() + first * width, of.begin() + (first + rows) * width);
  };
  const Array<float> values = side.put(part(x, k));
  const Array<std::int32_t> seen = side.put(part(experts, chosen));
  const FixStorage storage = side->make_rows(rows, k);
  const FixRows q = storage.rows(rows, k, form);
  const FaultLog faults(side, rows);
  side->quantise(values.data(), q, faults.at(1));
  std::vector<PlacedMatrix> placed;
  std::vector<Array<float>> biases, results;
  std::vector<ExpertsJob> jobs;
  for (const Stack& stack : stacks) {
    placed.push_back(side.place(stack.w));
    biases.push_back(side.put(stack.bias));
    results.push_back(side.floats(rows * chosen * stack.w.matrix().n / stack.experts));
  }
  for (std::size_t i = 0; i < stacks.size(); ++i)
    jobs.push_back({&placed[i].matrix, stacks[i].experts, biases[i].data(), results[i].data()});
  side->linear_experts(q, seen.data(), chosen, jobs);
  std::vector<std::vector<float>> all;
  for (const Array<float>& y : results) all.push_back(Side::get(y));
  return all;
}

class LinearExperts : public Conform {
 protected:
  Stack make_stack(WeightKind kind, std::int64_t experts, std::int64_t n, std::int64_t k, bool bias) {
    Stack stack{Weights(random(), kind, experts * n, k), {}, experts};
    if (bias) stack.bias = make_matrix(random(), finite_values(), 0, experts, n);
    return stack;
  }

  // Different experts of each row, in increasing order; the first half of them is seen more than the others.
  std::vector<std::int32_t> see(std::int64_t rows, std::int64_t chosen, std::int64_t experts) {
    std::vector<std::int32_t> seen;
    for (std::int64_t row = 0; row < rows; ++row) {
      std::vector<std::int32_t> of_row;
      while (std::ssize(of_row) < chosen) {
        const auto expert = static_cast<std::int32_t>(
            pick(random(), 0, random()() % 2 == 0 ? experts - 1 : (experts - 1) / 2));
        if (std::ranges::find(of_row, expert) == of_row.end()) of_row.push_back(expert);
      }
      std::ranges::sort(of_row);
      seen.insert(seen.end(), of_row.begin(), of_row.end());
    }
    return seen;
  }

  void expect_same(const std::vector<Stack>& stacks, std::int64_t rows, std::int64_t k, FixForm form,
                   std::int64_t chosen) {
    const std::int64_t experts = stacks.front().experts;
    const std::vector<float> x = make_matrix(random(), all_values(), 0, rows, k);
    const std::vector<std::int32_t> seen = see(rows, chosen, experts);
    const auto expected = outputs(reference(), stacks, x, k, form, seen, chosen, 0, rows);
    const auto actual = outputs(backend(), stacks, x, k, form, seen, chosen, 0, rows);
    for (std::size_t i = 0; i < stacks.size(); ++i) {
      const PackedMatrix& w = stacks[i].w.matrix();
      EXPECT_TRUE(same_bits("linear_experts", expected[i], actual[i], w.n / experts))
          << "stack " << i << ": " << verbatim::name_of(w.kind) << ", " << experts << " experts of "
          << w.n / experts << " x " << k << ", " << rows << " rows see " << chosen << ", " << name_of(form);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(EveryBackend, LinearExperts, every_backend(), backend_case_name);

// As layers have them: rows see several experts (gate, up), and rows of (token, expert) pairs see one (down).
TEST_P(LinearExperts, EveryKind) {
  struct Shape {
    std::int64_t experts, n, k, rows, chosen;
  };
  for (WeightKind kind : every_kind()) {
    for (const Shape& s : {Shape{1, 16, 33, 1, 1},
                           {4, 48, 64, 1, 3},
                           {5, 32, 100, 7, 2},
                           {3, 144, 65, 40, 1},
                           {9, 16, 200, 34, 4},
                           {2, 16, 4, 20, 2}}) {
      for (int limbs : {1, 2}) {
        std::vector<Stack> stacks;
        stacks.push_back(make_stack(kind, s.experts, s.n, s.k, limbs == 1));
        expect_same(stacks, s.rows, s.k, {limbs, is_rotated(kind)}, s.chosen);
      }
    }
  }
}

TEST_P(LinearExperts, StacksShareTheirRows) {
  std::vector<Stack> stacks;
  stacks.push_back(make_stack(WeightKind::c4m, 8, 160, 128, true));
  stacks.push_back(make_stack(WeightKind::i16, 8, 32, 128, false));
  stacks.push_back(make_stack(WeightKind::c8s, 8, 144, 128, true));
  for (std::int64_t rows : {1, 2, 50}) expect_same(stacks, rows, 128, {}, 3);
}

// Who else sees an expert changes nothing: rows one by one are rows all together.
TEST_P(LinearExperts, NeighboursAreNotSeen) {
  const std::int64_t rows = 23, k = 96, chosen = 3;
  std::vector<Stack> stacks;
  stacks.push_back(make_stack(WeightKind::c4z, 6, 48, k, true));
  stacks.push_back(make_stack(WeightKind::i16, 6, 144, k, false));
  const std::vector<float> x = make_matrix(random(), all_values(), 0, rows, k);
  const std::vector<std::int32_t> seen = see(rows, chosen, 6);
  const auto together = outputs(backend(), stacks, x, k, {}, seen, chosen, 0, rows);
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto alone = outputs(backend(), stacks, x, k, {}, seen, chosen, row, 1);
    for (std::size_t i = 0; i < stacks.size(); ++i) {
      const std::int64_t n = stacks[i].w.matrix().n / 6;
      EXPECT_TRUE(same_bits(
          "linear_experts",
          std::span(together[i])
              .subspan(static_cast<std::size_t>(row * chosen * n), static_cast<std::size_t>(chosen * n)),
          alone[i], n))
          << "row " << row;
    }
  }
}

// ---- moe_sum ----

TEST_P(Experts, Sum) {
  const std::vector<Values> values = all_values();
  for (std::int64_t d : {1, 15, 16, 17, 100, 576}) {
    for (std::int64_t rows : {1, 2, 35}) {
      for (std::int64_t chosen : {1, 2, 8}) {
        const std::vector<float> given = make_matrix(random(), values, random()(), rows * chosen, d),
                                 shared = make_matrix(random(), values, random()(), rows, d);
        std::vector<float> weights(static_cast<std::size_t>(rows * chosen)),
            gate(static_cast<std::size_t>(rows));
        for (float& w : weights) w = random()() % 50 == 0 ? NAN : uniform(random(), 0, 1);
        for (float& g : gate) g = uniform(random(), -100, 20);
        for (bool has_shared : {false, true}) {
          for (bool gated : {false, true}) {
            EXPECT_TRUE(same_results(
                "moe_sum", d,
                [&](Side& side) {
                  const Array<float> w = side.put(weights), e = side.put(given), s = side.put(shared),
                                     g = side.put(gate), y = side.floats(rows * d);
                  side->moe_sum({chosen, w.data(), e.data(), has_shared ? s.data() : nullptr,
                                 gated ? g.data() : nullptr},
                                rows, d, y.data());
                  return Side::get(y);
                }))
                << rows << " rows of " << chosen << (has_shared ? ", shared" : "")
                << (gated ? ", gated" : "");
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace verbatim::conform
