#include "audit/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>

namespace verbatim::audit {
namespace {

AuditShape shape_with(std::int64_t repeat) {
  AuditShape shape;
  shape.prompt = "a probe of several words, as probes are";
  shape.repeat = repeat;
  return shape;
}

TEST(Plan, HalfAreProbesSpreadOverConditions) {
  AuditShape shape = shape_with(203);
  auto plan = make_plan(shape);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->size(), 2u * 2 * 203);
  std::map<double, std::int64_t> probes;
  std::map<Condition, std::pair<std::int64_t, std::int64_t>> conditions;  // probes, neighbours
  for (const PlannedRequest& each : *plan) {
    EXPECT_EQ(each.request.temperature, each.condition.temperature);
    EXPECT_EQ(each.request.seed, shape.seed);
    if (each.probe) {
      ++probes[each.condition.temperature];
      EXPECT_EQ(each.request, probe_of(shape, each.condition.temperature));
      ++conditions[each.condition].first;
    } else {
      EXPECT_NE(each.request.prompt, shape.prompt);
      EXPECT_GE(each.request.max_tokens, 1);
      EXPECT_LE(each.request.max_tokens, shape.max_tokens);
      ++conditions[each.condition].second;
    }
  }
  for (auto [temperature, count] : probes) EXPECT_EQ(count, 203) << temperature;
  EXPECT_EQ(conditions.size(), 4u * 2 * 2);
  for (const auto& [condition, counts] : conditions) {
    EXPECT_TRUE(counts.first == 25 || counts.first == 26);
    EXPECT_EQ(counts.first, counts.second);
  }
}

TEST(Plan, ConditionsAreNotMixedAndCrowdsGrow) {
  auto plan = *make_plan(shape_with(40));
  std::vector<Condition> order;
  for (const PlannedRequest& each : plan) {
    if (order.empty() || order.back() != each.condition) order.push_back(each.condition);
  }
  EXPECT_EQ(order.size(), 16u);
  EXPECT_TRUE(std::ranges::is_sorted(order, {}, &Condition::concurrency));
}

TEST(Plan, FriendlyNeighboursShareABeginningAndHostileOnesDoNot) {
  AuditShape shape = shape_with(200);
  auto plan = *make_plan(shape);
  std::int64_t whole = 0;
  for (const PlannedRequest& each : plan) {
    if (each.probe) continue;
    bool shares = each.request.prompt.starts_with("a ");
    EXPECT_EQ(shares, each.condition.neighbours == Neighbours::friendly) << each.request.prompt;
    if (each.request.prompt.starts_with(shape.prompt)) ++whole;
  }
  EXPECT_GT(whole, 50) << "many share all of the probe's prompt";
}

TEST(Plan, IsAFunctionOfItsShape) {
  auto prompts = [](const AuditShape& shape) {
    std::vector<std::string> made;
    auto plan = make_plan(shape).value();
    for (const PlannedRequest& each : plan) made.push_back(each.request.prompt);
    return made;
  };
  AuditShape shape = shape_with(50), other = shape;
  EXPECT_EQ(prompts(shape), prompts(shape));
  other.seed = 43;
  EXPECT_NE(prompts(shape), prompts(other));
}

TEST(Plan, ShapesThatCompareNothingAreRefused) {
  auto refusal = [](auto change) {
    AuditShape shape = shape_with(40);
    change(shape);
    auto plan = make_plan(shape);
    return plan ? "accepted" : plan.error().message;
  };
  EXPECT_EQ(refusal([](AuditShape&) {}), "accepted");
  EXPECT_EQ(refusal([](AuditShape& shape) { shape.prompt = ""; }), "the prompt is empty");
  EXPECT_EQ(refusal([](AuditShape& shape) { shape.prompt = "\xff"; }), "the prompt is not UTF-8");
  EXPECT_NE(refusal([](AuditShape& shape) { shape.max_tokens = 0; }), "accepted");
  EXPECT_NE(refusal([](AuditShape& shape) { shape.concurrency = {4, 4}; }), "accepted");
  EXPECT_NE(refusal([](AuditShape& shape) { shape.concurrency = {}; }), "accepted");
  EXPECT_NE(refusal([](AuditShape& shape) { shape.temperatures = {}; }), "accepted");
  EXPECT_NE(refusal([](AuditShape& shape) { shape.temperatures = {-1}; }), "accepted");
  EXPECT_NE(refusal([](AuditShape& shape) { shape.temperatures = {0, NAN}; }), "accepted");
  EXPECT_NE(refusal([](AuditShape& shape) { shape.temperatures = {HUGE_VAL}; }), "accepted");
  EXPECT_NE(refusal([](AuditShape& shape) { shape.repeat = 7; }), "accepted");
  EXPECT_NE(refusal([](AuditShape& shape) { shape.repeat = INT64_MAX; }), "accepted") << "of a results file";
  EXPECT_NE(refusal([](AuditShape& shape) { shape.prompt.resize(100'000'000, 'x'); }), "accepted");
}

}  // namespace
}  // namespace verbatim::audit
