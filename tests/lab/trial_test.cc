// Counting distinct results, and what is concluded from the counts.
#include "lab/trial.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lab/lab.h"

namespace verbatim::lab {
namespace {

Comparison planted(std::function<void(std::int64_t, std::vector<float>&)> compute, std::int64_t runs = 12) {
  return {.subject = "planted",
          .what = "a function",
          .runs = runs,
          .seconds = 1000,
          .name = [](std::int64_t run) { return fmt::format("run {}", run); },
          .compute = std::move(compute)};
}

TEST(Trial, DeterministicFunctionHasOneResult) {
  Trial trial = compare(planted([](std::int64_t, std::vector<float>& y) { y = {1, NAN, -0.0f}; }));
  EXPECT_EQ(trial.runs, 12);
  EXPECT_EQ(trial.distinct, 1);
  EXPECT_FALSE(trial.difference.has_value());
  EXPECT_FALSE(trial.cut_short);
}

TEST(Trial, VaryingFunctionIsCountedAndItsFirstDifferenceNamed) {
  Trial trial = compare(planted([](std::int64_t run, std::vector<float>& y) {
    y = {1, run < 5 ? 2.0f : std::nextafter(2.0f, 3.0f), static_cast<float>(run / 5)};
  }));
  EXPECT_EQ(trial.distinct, 3);
  ASSERT_TRUE(trial.difference.has_value());
  EXPECT_EQ(trial.difference->where, "run 5, output 1");
  EXPECT_EQ(hex_bits(trial.difference->first), "0x40000000");
  EXPECT_EQ(hex_bits(trial.difference->other), "0x40000001");
}

TEST(Trial, DistancesAreFromTheFirstRunByIncreasingX) {
  Comparison comparison = planted(
      [](std::int64_t run, std::vector<float>& y) {
        y = {NAN, 1, run == 1 ? NAN : static_cast<float>(run)};
      },
      3);
  comparison.x = [](std::int64_t run) { return static_cast<double>(10 - run); };
  Trial trial = compare(comparison);
  ASSERT_EQ(trial.distances.size(), 3u);
  EXPECT_EQ(trial.distances[0].x, 8);
  EXPECT_EQ(trial.distances[0].distance, 2);
  EXPECT_EQ(trial.distances[1].distance, HUGE_VAL);
  EXPECT_EQ(trial.distances[2].distance, 0);
}

TEST(Trial, ZerosOfDifferentSignsDiffer) {
  Trial trial =
      compare(planted([](std::int64_t run, std::vector<float>& y) { y = {run % 2 == 0 ? 0.0f : -0.0f}; }));
  EXPECT_EQ(trial.distinct, 2);
}

TEST(Trial, TwoRunsAreMadeHoweverLittleTimeThereIs) {
  Comparison comparison = planted([](std::int64_t, std::vector<float>& y) { y = {1}; });
  comparison.seconds = -1;
  Trial trial = compare(comparison);
  EXPECT_EQ(trial.runs, 2);
  EXPECT_TRUE(trial.cut_short);
}

Trial counted(std::int64_t distinct, bool ours, std::string missing = "") {
  return {.subject = ours ? "ours" : "control",
          .what = "planted",
          .ours = ours,
          .runs = 9,
          .distinct = distinct,
          .missing = std::move(missing)};
}

Finding judged(std::vector<Trial> trials, bool claim_is_variance) {
  Finding finding;
  finding.trials = std::move(trials);
  judge(finding, claim_is_variance);
  return finding;
}

TEST(Judge, FollowsTheCounts) {
  EXPECT_EQ(judged({counted(3, false), counted(1, true)}, true).verdict, Verdict::seen);
  EXPECT_EQ(judged({counted(1, false), counted(1, true)}, true).verdict, Verdict::not_seen);
  EXPECT_EQ(judged({counted(1, false), counted(1, true)}, false).verdict, Verdict::seen);
  EXPECT_EQ(judged({counted(3, false), counted(1, true)}, false).verdict, Verdict::not_seen);
  EXPECT_EQ(judged({counted(3, false), counted(2, true)}, true).verdict, Verdict::broken);
  EXPECT_EQ(judged({counted(1, false), counted(4, false)}, true).verdict, Verdict::seen);
  Finding missing = judged({counted(0, false, "no library"), counted(1, true)}, true);
  EXPECT_EQ(missing.verdict, Verdict::missing);
  EXPECT_EQ(missing.sentence, "no library");
}

TEST(Drift, OfNothingIsZeroAndQuantilesAreOfSortedValues) {
  EXPECT_EQ(drift_of({}, 0).values, 0);
  Drift drift = drift_of({3, 0, 1, 0, 2}, 2);
  EXPECT_EQ(drift.values, 5);
  EXPECT_EQ(drift.identical, 2);
  EXPECT_EQ(drift.median, 1);
  EXPECT_EQ(drift.largest, 3);
}

}  // namespace
}  // namespace verbatim::lab
