#include "report/comparison.h"

#include <gtest/gtest.h>

#include <cmath>

namespace verbatim::report {
namespace {

Token token(std::string bytes, std::int64_t id, double logprob, std::vector<Candidate> top = {}) {
  return {.bytes = std::move(bytes), .id = id, .logprob = logprob, .top = std::move(top)};
}

Lane lane(std::vector<Token> tokens, std::int64_t concurrency = 1, std::int64_t count = 1) {
  return {.label = "",
          .conditions = {{"backend", "cpu"}, {"concurrency", std::to_string(concurrency)}},
          .count = count,
          .tokens = std::move(tokens),
          .ending = "stop"};
}

TEST(Compare, OneAnswerHasNoDivergenceAndNoDrift) {
  LaneGroup group;
  for (int concurrency : {1, 8, 8})
    group.lanes.push_back(lane({token("a", 1, -0.5), token("b", 2, -1)}, concurrency, 2));
  Comparison found = compare(group);
  ASSERT_EQ(found.answers.size(), 1u);
  EXPECT_EQ(found.count, 6);
  EXPECT_EQ(found.first_divergence, std::nullopt);
  ASSERT_EQ(found.conditions.size(), 2u);
  EXPECT_EQ(found.answers[0].shares.at(0).count, 2);
  EXPECT_EQ(found.answers[0].shares.at(1).count, 4);
  EXPECT_EQ(found.drift, (std::vector<std::vector<double>>{{0, 0}, {0, 0}}));
}

TEST(Compare, AnswersPartAtAnotherTokenOrAnEnd) {
  LaneGroup group;
  Token a = token("a", 1, -0.5), b = token("b", 2, -0.5), c = token("c", 3, -0.5);
  group.lanes = {lane({a, b, c}), lane({a, b}), lane({a, b, a, a}), lane({a, b, a, a}), lane({a, c, c})};
  Comparison found = compare(group);
  ASSERT_EQ(found.answers.size(), 4u);
  EXPECT_EQ(found.first_divergence, 1u);
  std::vector<std::size_t> lanes, agrees;
  for (const Answer& answer : found.answers) {
    lanes.push_back(answer.lane);
    agrees.push_back(answer.agrees);
  }
  EXPECT_EQ(lanes, (std::vector<std::size_t>{0, 2, 4,
                                             1}));  // the reference, the most frequent, the earliest to part
  EXPECT_EQ(agrees, (std::vector<std::size_t>{3, 2, 1, 2}));
}

TEST(Compare, TheSameTextEndedOtherwiseIsAnotherAnswer) {
  LaneGroup group;
  group.lanes = {lane({token("a", 1, -0.5)}), lane({token("a", 1, -0.5)})};
  group.lanes[1].ending = "length";
  Comparison found = compare(group);
  EXPECT_EQ(found.answers.size(), 2u);
  EXPECT_EQ(found.first_divergence, 1u);
}

TEST(Compare, EqualTextOfOtherIdsDiffersOnlyWhereAllHaveIds) {
  LaneGroup group;
  group.lanes = {lane({token("a", 1, -0.5)}), lane({token("a", 2, -0.5)})};
  EXPECT_EQ(compare(group).answers.size(), 2u);
  group.lanes[1].tokens[0].id.reset();
  EXPECT_EQ(compare(group).answers.size(), 1u);
}

TEST(Compare, OneBitOfDriftIsSeenWhereItIs) {
  LaneGroup group;
  const double drifted = std::nextafter(-0.5, 0);
  group.lanes = {lane({token("a", 1, -0.5), token("b", 2, -0.5)}),
                 lane({token("a", 1, -0.5), token("b", 2, drifted)}, 8),
                 lane({token("a", 1, -0.5), token("b", 2, -0.5)}, 8)};
  Comparison found = compare(group);
  ASSERT_EQ(found.answers.size(), 1u);
  EXPECT_EQ(found.drift[1], (std::vector<double>{0, drifted + 0.5}));
  EXPECT_EQ(found.answers[0].shares.at(0).patterns, (std::set<std::size_t>{0}));
  EXPECT_EQ(found.answers[0].shares.at(1).patterns, (std::set<std::size_t>{0, 1}));
}

// Where answers part, the tokens differ, but both lists of candidates speak of the same choice.
TEST(Compare, DriftIncludesTheCandidatesOfTheDivergentChoice) {
  LaneGroup group;
  group.lanes = {lane({token("a", 1, -0.5, {{"a", 1, -0.5}, {"b", 2, -0.75}})}),
                 lane({token("b", 2, -0.625, {{"b", 2, -0.625}, {"a", 1, -0.75}, {"c", 3, -9}})}, 8)};
  group.lanes[0].tokens.push_back(token("x", 9, -0.1));
  group.lanes[1].tokens.push_back(token("x", 9, -5.0));  // after another token: no longer the same question
  Comparison found = compare(group);
  ASSERT_EQ(found.drift[1].size(), 1u);
  EXPECT_EQ(found.drift[1][0], 0.25);
  EXPECT_EQ(found.margin[0], 0.25);
  EXPECT_TRUE(std::isnan(found.margin[1]));
}

TEST(Compare, InfiniteLogprobsAreEqualToThemselvesAndFarFromOthers) {
  const double inf = std::numeric_limits<double>::infinity();
  LaneGroup group;
  group.lanes = {lane({token("a", 1, -inf), token("b", 2, -inf), token("c", 3, 0.0)}),
                 lane({token("a", 1, -inf), token("b", 2, -1), token("c", 3, -0.0)}, 8)};
  EXPECT_EQ(compare(group).drift[1], (std::vector<double>{0, inf, 0}));
}

TEST(Compare, WithoutLogprobsThereIsNoDrift) {
  LaneGroup group;
  group.lanes = {lane({token("a", 1, 0)}), lane({token("a", 1, 0)})};
  for (Lane& one : group.lanes) one.tokens[0].logprob.reset();
  EXPECT_TRUE(std::isnan(compare(group).drift[0][0]));
  EXPECT_TRUE(compare(LaneGroup{}).answers.empty());
}

}  // namespace
}  // namespace verbatim::report
