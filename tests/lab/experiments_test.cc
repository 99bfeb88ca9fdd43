// The experiments with planted backends: a load-independent one gives one result everywhere, a load-dependent one is
// caught. Of the true control group no test expects more than that it was tried.
#include <gtest/gtest.h>

#include <cmath>

#include "json/library.h"
#include "lab/completions.h"
#include "lab/lab.h"
#include "lab/page.h"
#include "lab/render.h"
#include "lab/two_paths.h"
#include "planted.h"

namespace verbatim::lab {
namespace {

constexpr CrowdOptions kSmallCrowd = {
    .copies = 8, .neighbours = 8, .together = 6, .tokens = 24, .seconds = 1000};

std::int64_t distinct_of_ours(const Finding& finding) {
  std::int64_t most = 0;
  for (const Trial& trial : finding.trials) {
    if (!trial.ours) continue;
    EXPECT_GE(trial.runs, 2) << trial.what;
    most = std::max(most, trial.distinct);
  }
  return most;
}

Conditions conditions_of(Backend& ours, Backend* control) {
  Conditions conditions;
  conditions.threads = 2;
  conditions.seconds = 0.2;
  conditions.ours = &ours;
  conditions.control = control;
  conditions.control_missing = "no control group";
  return conditions;
}

TEST(Experiments, AreNumberedAsTheyAreListed) {
  int number = 0;
  for (const Experiment& experiment : experiments()) EXPECT_EQ(experiment.number, ++number);
  EXPECT_EQ(number, 7);
}

TEST(Experiments, ShuffledSumsDifferAndIntegerSumsDoNot) {
  Planted ours(Defect::none);
  Finding finding = run(experiments()[0], conditions_of(ours, nullptr));
  EXPECT_EQ(finding.number, 1);
  EXPECT_EQ(finding.verdict, Verdict::seen);  // certain: IEEE 754 sums of stated numbers in seeded orders
  EXPECT_EQ(distinct_of_ours(finding), 1);
  EXPECT_EQ(finding.trials[0].runs, 10000);
}

TEST(Experiments, IntegersDoNotMindTheOrderOfArrival) {
  Planted ours(Defect::none);
  Finding finding = order_of_arrival(conditions_of(ours, nullptr));
  EXPECT_EQ(distinct_of_ours(finding), 1);
  EXPECT_NE(finding.verdict, Verdict::broken);
  EXPECT_NE(finding.verdict, Verdict::missing);
}

TEST(Experiments, KernelsOfOursGiveOneResult) {
  Planted ours(Defect::none);
  Conditions conditions = conditions_of(ours, nullptr);
  for (Finding (*experiment)(const Conditions&) : {run_to_run, matmul_batches, norm_and_attention}) {
    Finding finding = experiment(conditions);
    EXPECT_EQ(distinct_of_ours(finding), 1) << finding.claim;
    EXPECT_NE(finding.verdict, Verdict::broken) << finding.sentence;
    for (const Trial& trial : finding.trials)
      EXPECT_TRUE(trial.missing.empty() == (trial.runs > 0)) << trial.what;
  }
}

TEST(Experiments, LoadDependenceIsFoundInTheControlGroup) {
  Planted ours(Defect::none), control(Defect::load);
  Conditions conditions = conditions_of(ours, &control);
  conditions.seconds = 1000;
  Finding finding = norm_and_attention(conditions);
  EXPECT_EQ(finding.verdict, Verdict::seen);
  for (const Trial& trial : finding.trials) EXPECT_EQ(trial.distinct, trial.ours ? 1 : 2) << trial.what;
}

TEST(Experiments, LoadDependenceOfOursIsABug) {
  Planted ours(Defect::load);
  for (Finding (*experiment)(const Conditions&) : {matmul_batches, norm_and_attention}) {
    Finding finding = experiment(conditions_of(ours, nullptr));
    EXPECT_EQ(finding.verdict, Verdict::broken) << finding.claim;
    report::Report page = to_report({&finding, 1}, {}, "");
    ASSERT_FALSE(page.sections[0].charts.empty());
    EXPECT_GT(page.sections[0].charts[0].series.back().points.size(), 1u);
    EXPECT_EQ(distinct_of_ours(finding), 2) << finding.claim;
  }
}

TEST(Completions, OneAnswerWhereTheBackendIsInvariant) {
  auto model = planted_model(Defect::none);
  for (float temperature : {0.0f, 1.0f}) {
    CrowdOptions options = kSmallCrowd;
    options.temperature = temperature;
    Answers answers = answer_in_crowd(*model, "Once upon a time", options);
    EXPECT_EQ(answers.answers, 9);
    EXPECT_EQ(answers.distinct_texts, 1);
    EXPECT_EQ(answers.distinct_bits, 1);
    EXPECT_FALSE(answers.divergence.has_value());
    EXPECT_EQ(answers.drift.values, 8 * 24);
    EXPECT_EQ(answers.drift.identical, answers.drift.values);
    EXPECT_GT(answers.largest_crowd, 1);  // they were computed together indeed
    ASSERT_EQ(answers.variants.size(), 1u);
    EXPECT_EQ(answers.variants[0].count, 9);
    EXPECT_EQ(answers.variants[0].tokens.size(), 24u);
  }
}

TEST(Completions, ALoadDependentBackendIsCaught) {
  auto model = planted_model(Defect::load);
  Answers answers = answer_in_crowd(*model, "Once upon a time", kSmallCrowd);
  EXPECT_GT(answers.distinct_texts, 1);
  EXPECT_GE(answers.distinct_bits, answers.distinct_texts);
  ASSERT_TRUE(answers.divergence.has_value());
  EXPECT_LT(*answers.divergence, 24);
  EXPECT_NE(answers.alone.token, answers.crowd.token);
  EXPECT_GE(answers.margin, 0);
  std::int64_t counted = 0;
  for (const Variant& variant : answers.variants) counted += variant.count;
  EXPECT_EQ(static_cast<std::int64_t>(answers.variants.size()), answers.distinct_bits);
  EXPECT_EQ(counted, answers.answers);
}

TEST(TwoPaths, KlIsZeroForEqualRowsAndKnownForOthers) {
  const std::vector<float> p = {0, 0}, q = {0, std::log(3.0f)};  // (1/2, 1/2) and (1/4, 3/4)
  EXPECT_EQ(kl_divergence(p, p), 0);
  EXPECT_NEAR(kl_divergence(p, q), 0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3.0), 1e-6);
}

TEST(TwoPaths, RowsAreComparedOnBits) {
  std::vector<float> a = {1, 2, 3, 4, 5, 6}, b = a;
  const std::vector<std::int32_t> tokens = {0, 1};
  Agreement same = compare_rows(a, b, 3, tokens);
  EXPECT_EQ(same.positions, 2);
  EXPECT_EQ(same.identical, 2);
  EXPECT_EQ(*same.max_kl, 0);
  b[4] = std::nextafter(5.0f, 6.0f);
  Agreement close = compare_rows(a, b, 3, tokens);
  EXPECT_EQ(close.identical, 1);
  EXPECT_EQ(close.drift.values, 2);
  EXPECT_GT(close.drift.largest, 0);
}

TEST(TwoPaths, AgreeWhereTheBackendIsInvariantAndNotWhereItIsNot) {
  const std::vector<std::int32_t> tokens = {1, 20, 300, 4, 50, 600, 7, 80, 900, 10};
  auto good = planted_model(Defect::none), bad = planted_model(Defect::load);
  Agreement same = prefill_against_decode(*good, tokens), other = prefill_against_decode(*bad, tokens);
  EXPECT_EQ(same.identical, 10);
  EXPECT_EQ(*same.max_kl, 0);
  EXPECT_EQ(other.identical, 0);
  EXPECT_GT(*other.mean_kl, 0);
  Agreement sampled = sampler_against_scorer(*good, "Once upon a time", 20, 3);
  EXPECT_EQ(sampled.positions, 20);
  EXPECT_EQ(sampled.identical, 20);
}

// Answers that all fail alike are not one answer.
TEST(Judge, AModelThatFailsShowsNothing) {
  auto bad = planted_model(Defect::overflow), good = planted_model(Defect::none);
  for (bool ours : {false, true}) {
    Conditions conditions;
    conditions.our_model = ours ? bad.get() : good.get();
    conditions.control_model = ours ? good.get() : bad.get();
    conditions.ours = conditions.our_model->backend.get();
    for (auto experiment : {completions, two_paths}) {
      Finding finding = experiment(conditions);
      EXPECT_EQ(finding.verdict, Verdict::missing) << to_text(finding);
      EXPECT_NE(finding.sentence.find(" cannot compute this: "), std::string::npos) << finding.sentence;
      EXPECT_NE(to_text(finding).find(" failed: "), std::string::npos);
      EXPECT_FALSE(to_report({&finding, 1}, {}, "").sections.empty());
    }
  }
}

TEST(Judge, OfAnswersAndAgreementsFollowsWhatWasCounted) {
  auto answers = [](bool ours, std::int64_t texts, std::int64_t bits) {
    Answers a;
    a.ours = ours, a.distinct_texts = texts, a.distinct_bits = bits, a.answers = 9;
    return a;
  };
  auto verdict = [](std::vector<Answers> all) {
    Finding finding;
    finding.answers = std::move(all);
    judge_answers(finding, "none here");
    return finding.verdict;
  };
  EXPECT_EQ(verdict({answers(false, 2, 5), answers(true, 1, 1)}), Verdict::seen);
  EXPECT_EQ(verdict({answers(false, 1, 5), answers(true, 1, 1)}), Verdict::not_seen);
  EXPECT_EQ(verdict({answers(false, 2, 5), answers(true, 1, 2)}), Verdict::broken);
  EXPECT_EQ(verdict({answers(true, 1, 1)}), Verdict::missing);

  auto paths = [](std::int64_t control, std::int64_t ours) {
    Finding finding;
    for (bool is_ours : {false, true}) {
      Agreement a;
      a.ours = is_ours, a.positions = 10, a.identical = is_ours ? ours : control, a.mean_kl = 0.1,
      a.max_kl = 0.2;
      finding.agreements.push_back(a);
    }
    judge_agreements(finding, "none here");
    return finding.verdict;
  };
  EXPECT_EQ(paths(3, 10), Verdict::seen);
  EXPECT_EQ(paths(10, 10), Verdict::not_seen);
  EXPECT_EQ(paths(3, 9), Verdict::broken);
}

TEST(Render, TextAndJsonSayWhatWasFound) {
  auto model = planted_model(Defect::load);
  Finding finding;
  finding.number = 6;
  finding.claim = "a claim";
  finding.answers.push_back(answer_in_crowd(*model, "Once upon a time", kSmallCrowd));
  finding.answers[0].subject = "planted";
  judge_answers(finding, "");
  std::string text = to_text(finding);
  EXPECT_NE(text.find("6. a claim."), std::string::npos);
  EXPECT_NE(text.find("SEEN: different texts"), std::string::npos) << text;
  EXPECT_NE(text.find("first divergence: token"), std::string::npos) << text;

  auto json =
      nlohmann::json::parse(to_json(finding).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  EXPECT_EQ(json["verdict"], "SEEN");
  EXPECT_EQ(json["answers"][0]["subject"], "planted");
  EXPECT_EQ(json["answers"][0]["distinct_texts"], finding.answers[0].distinct_texts);
  EXPECT_EQ(json["answers"][0]["divergence"]["token"], *finding.answers[0].divergence);
  EXPECT_EQ(json["answers"][0]["variants"].size(), finding.answers[0].variants.size());

  report::Report page = to_report({&finding, 1}, {{"machine", "planted"}}, "verbatim lab -m x");
  EXPECT_EQ(page.sections[0].replay, "verbatim lab -m x --only 6");
  ASSERT_EQ(page.sections.size(), 1u);
  EXPECT_EQ(page.sections[0].badge, "seen");
  EXPECT_EQ(page.sections[0].groups[0].lanes.size(), finding.answers[0].variants.size());
  EXPECT_NE(report::render_html(page).find("a claim"), std::string::npos);

  Planted ours(Defect::none);
  json = to_json(run(experiments()[0], conditions_of(ours, nullptr)));
  EXPECT_EQ(json["trials"][0]["difference"]["first_bits"].get<std::string>().substr(0, 2), "0x");
  EXPECT_EQ(json["trials"][1]["distinct"], 1);
}

}  // namespace
}  // namespace verbatim::lab
