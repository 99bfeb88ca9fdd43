// The rules, one by one, on findings made by hand.
#include "audit/verdict.h"

#include <gtest/gtest.h>

namespace verbatim::audit {
namespace {

// 10 probes of one condition, all answered alike.
Findings good_findings() {
  Findings findings;
  findings.streamed = true;
  findings.probes_planned = findings.probes_recorded = findings.probes_good = 10;
  ConditionFindings row;
  row.generating = row.in_flight = 4;
  row.planned = row.good = 10;
  findings.conditions = {row};
  ProbeFindings probe;
  probe.records = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  probe.distinct.resize(1);
  probe.any_text = true;
  findings.probes = {probe};
  return findings;
}

// The verdict and the rules that it names: "2 V4 V7".
template <class Change>
std::string verdict_after(Change change, Rules rules = {}) {
  Findings findings = good_findings();
  change(findings);
  Judgement judgement = judge(findings, rules);
  std::string text = fmt::format("{}", static_cast<int>(judgement.verdict));
  for (const std::string& reason : judgement.reasons) text += ' ' + reason.substr(0, 2);
  return text;
}

TEST(Verdict, V1OneDifferenceIsEnough) {
  auto differ = [](Findings& findings) {
    findings.probes[0].differs_for_one_fingerprint = true;
    findings.conditions[0].generating = 1;
    findings.probes_good = 2;
  };
  EXPECT_EQ(verdict_after(differ), "1 V1") << "whatever else is wrong";
}

TEST(Verdict, V2BitsWhereTheyAreRequired) {
  auto drift = [](Findings& findings) {
    findings.probes[0].drifts_for_one_fingerprint = true;
    findings.probes[0].distinct[0].bit_patterns = 2;
  };
  EXPECT_EQ(verdict_after(drift), "1 V2");
  EXPECT_EQ(verdict_after(drift, {false, 2}), "0 V8");
}

TEST(Verdict, V3AServerThatChangedMayDiffer) {
  EXPECT_EQ(verdict_after([](Findings& findings) { findings.probes[0].distinct.resize(2); }), "2 V3");
  auto drift = [](Findings& findings) { findings.probes[0].distinct[0].bit_patterns = 2; };
  EXPECT_EQ(verdict_after(drift), "2 V3");
}

TEST(Verdict, V4AllMustHaveBeenAsked) {
  EXPECT_EQ(verdict_after([](Findings& findings) { findings.probes_recorded = findings.probes_good = 9; }),
            "2 V4");
}

TEST(Verdict, V5MostMustHaveBeenAnswered) {
  EXPECT_EQ(verdict_after([](Findings& findings) { findings.probes_good = 9; }), "0 V8");
  EXPECT_EQ(verdict_after([](Findings& findings) { findings.probes_good = 8; }), "2 V5");
  EXPECT_EQ(verdict_after([](Findings& findings) { findings.conditions[0].good = 4; }), "2 V5");
  EXPECT_EQ(verdict_after([](Findings& findings) { findings.conditions[0].good = 5; }), "0 V8");
}

TEST(Verdict, V5NeighboursThatAreRefusedAreNoLoad) {
  auto neighbours = [](std::int64_t good) {
    return [good](Findings& findings) {
      findings.neighbours_recorded = {10, 9};
      findings.neighbours_good = {10, good};
    };
  };
  EXPECT_EQ(verdict_after(neighbours(5)), "0 V8");
  EXPECT_EQ(verdict_after(neighbours(4)), "2 V5");
}

TEST(Verdict, V6EmptyAnswersSayNothing) {
  EXPECT_EQ(verdict_after([](Findings& findings) { findings.probes[0].any_text = false; }), "2 V6");
}

TEST(Verdict, V7AnswersMustHaveOverlapped) {
  auto alone = [](Findings& findings) { findings.conditions[0].generating = 1; };
  EXPECT_EQ(verdict_after(alone), "2 V7");
  EXPECT_EQ(verdict_after(alone, {true, 1}), "0 V8");
  EXPECT_EQ(verdict_after([](Findings&) {}, {true, 5}), "2 V7");
  auto whole = [](Findings& findings) {
    findings.streamed = false;
    findings.conditions[0].generating = 0;
  };
  EXPECT_EQ(verdict_after(whole), "0 V8") << "requests under way are all that can be seen";
}

TEST(Verdict, V7HoldsForEachTemperature) {
  auto two = [](Findings& findings) {
    findings.probes.push_back(findings.probes[0]);
    findings.probes[1].request.temperature = 1;
    findings.conditions.push_back(findings.conditions[0]);
    findings.conditions[1].condition.temperature = 1;
  };
  EXPECT_EQ(verdict_after(two), "0 V8");
  auto lonely = [&](Findings& findings) {
    two(findings);
    findings.conditions[1].generating = 1;
  };
  EXPECT_EQ(verdict_after(lonely), "2 V7");
}

TEST(Verdict, AllThatIsUnknownIsNamed) {
  auto change = [](Findings& findings) {
    findings.probes_recorded = 9;
    findings.probes_good = 3;
    findings.conditions[0].generating = 0;
  };
  EXPECT_EQ(verdict_after(change), "2 V4 V5 V7");
}

}  // namespace
}  // namespace verbatim::audit
