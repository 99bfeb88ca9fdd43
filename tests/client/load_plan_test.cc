#include "client/load_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ranges>
#include <set>

namespace verbatim::client {
namespace {

std::int64_t words(const std::string& text) { return 1 + std::ranges::count(text, ' '); }

bool same(const std::vector<PlannedRequest>& a, const std::vector<PlannedRequest>& b) {
  return std::ranges::equal(a, b, [](const PlannedRequest& x, const PlannedRequest& y) {
    return x.at == y.at && x.prompt == y.prompt && x.max_tokens == y.max_tokens;
  });
}

TEST(LoadPlan, IsAFunctionOfItsShapeAndSeed) {
  LoadShape shape;
  shape.prompts = 50;
  shape.request_rate = 10;
  auto plan = plan_load(shape);
  EXPECT_TRUE(same(plan, plan_load(shape)));
  shape.seed = 1;
  EXPECT_FALSE(same(plan, plan_load(shape)));
}

TEST(LoadPlan, TheMixHasTheMeansOfShareGpt) {
  LoadShape shape;
  shape.prompts = 20'000;
  double input = 0, output = 0;
  for (const PlannedRequest& request : plan_load(shape)) {
    std::int64_t length = words(request.prompt);
    EXPECT_GE(std::min(length, request.max_tokens), 4);
    EXPECT_LE(std::max(length, request.max_tokens), 1024);
    input += static_cast<double>(length);
    output += static_cast<double>(request.max_tokens);
  }
  // Six standard errors of the mean of 20,000 draws, whose standard deviations are 264 and 199.
  EXPECT_NEAR(input / 20'000, 215, 12);
  EXPECT_NEAR(output / 20'000, 198, 9);
}

TEST(LoadPlan, ArrivalsArePoisson) {
  LoadShape shape;
  shape.prompts = 10'001;
  shape.request_rate = 4;
  shape.input_words = 1;
  auto plan = plan_load(shape);
  EXPECT_EQ(plan.front().at, 0);
  EXPECT_TRUE(std::ranges::is_sorted(plan, {}, &PlannedRequest::at));
  EXPECT_NEAR(plan.back().at, 2500, 6 * 25);  // 10,000 gaps of a quarter of a second, six deviations
  auto longer = std::ranges::count_if(std::views::iota(1, 10'001),
                                      [&](int i) { return plan[i].at - plan[i - 1].at > 0.25; });
  EXPECT_NEAR(static_cast<double>(longer), 3679, 6 * 48);  // 1/e of the gaps exceed the mean
}

TEST(LoadPlan, WithoutARateAllComeAtOnce) {
  LoadShape shape;
  shape.prompts = 10;
  for (const PlannedRequest& request : plan_load(shape)) EXPECT_EQ(request.at, 0);
}

TEST(LoadPlan, LengthsCanBeFixedAndPromptsDiffer) {
  LoadShape shape;
  shape.prompts = 100;
  shape.input_words = 20;
  shape.output_tokens = 7;
  std::set<std::string> prompts;
  for (const PlannedRequest& request : plan_load(shape)) {
    EXPECT_EQ(words(request.prompt), 20);
    EXPECT_EQ(request.max_tokens, 7);
    prompts.insert(request.prompt);
  }
  EXPECT_EQ(prompts.size(), 100u);
}

TEST(LoadPlan, OneRequestCanBeRepeated) {
  LoadShape shape;
  shape.prompts = 100;
  shape.request_rate = 1;
  shape.repeat_one = true;
  auto plan = plan_load(shape);
  for (const PlannedRequest& request : plan) {
    EXPECT_EQ(request.prompt, plan.front().prompt);
    EXPECT_EQ(request.max_tokens, plan.front().max_tokens);
  }
  EXPECT_GT(plan.back().at, 0);
}

}  // namespace
}  // namespace verbatim::client
