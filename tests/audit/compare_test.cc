// Two results files compared, on records made by hand.
#include "audit/compare.h"

#include "audit/diff_report.h"

#include <gtest/gtest.h>

#include "server/http_fixture.h"

namespace verbatim::audit {
namespace {

using server::contains;

// Each answer: its request's prompt, and " " + letters as tokens, all with this log-probability.
struct Said {
  const char* prompt;
  const char* letters;
  double logprob = -1;
};

Results results_of(std::initializer_list<Said> answers) {
  Results results;
  results.header.url = "http://127.0.0.1";
  for (const Said& said : answers) {
    Record record;
    record.index = results.records.size();
    record.request = {said.prompt, 8, 0, 42};
    for (const char* letter = said.letters; *letter != '\0'; ++letter) {
      ScoredToken token;
      token.text = {' ', *letter};
      token.logprob = said.logprob;
      record.answer.text += token.text;
      record.answer.tokens.push_back(token);
    }
    record.answer.finish_reason = "stop";
    results.records.push_back(record);
  }
  return results;
}

Verdict verdict_of(const Results& a, const Results& b, bool bits = true) {
  return judge(compare(a, b), {bits, 2}).verdict;
}

TEST(Compare, EqualAnswersAreTheSame) {
  Results a = results_of({{"p", "abc"}, {"p", "abc"}, {"q", "x"}}),
          b = results_of({{"q", "x"}, {"p", "abc"}});
  b.header.dialect.model = "another name";
  Comparison comparison = compare(a, b);
  EXPECT_EQ(comparison.common, 2);
  EXPECT_EQ(comparison.same_bits, 2);
  EXPECT_TRUE(comparison.differences.empty());
  EXPECT_EQ(verdict_of(a, b), Verdict::deterministic);
}

TEST(Compare, OtherTokensAreDifferent) {
  Results a = results_of({{"p", "abc"}, {"p", "abc"}, {"q", "x"}}),
          b = results_of({{"p", "abd"}, {"r", "x"}});
  Comparison comparison = compare(a, b);
  EXPECT_EQ(comparison.common, 1);
  EXPECT_EQ(comparison.only_a, 1);
  EXPECT_EQ(comparison.only_b, 1);
  EXPECT_EQ(comparison.different, 1);
  ASSERT_EQ(comparison.differences.size(), 1u);
  EXPECT_TRUE(comparison.differences[0].across);
  EXPECT_EQ(comparison.differences[0].distinct[1].parting->at, 2u);
  EXPECT_EQ(verdict_of(a, b), Verdict::different);
  std::string text = to_text(comparison, judge(comparison, {}), a, b);
  EXPECT_PRED2(contains, text, "0 of A, 1 of B: token 2: \" d\" instead of \" c\"");
}

TEST(Compare, OtherLogprobsAreAKindOfTheirOwn) {
  Results a = results_of({{"p", "abc", -1}}), b = results_of({{"p", "abc", -1.0000001}});
  Comparison comparison = compare(a, b);
  EXPECT_EQ(comparison.same_tokens, 1);
  EXPECT_EQ(comparison.different, 0);
  EXPECT_NEAR(comparison.differences.at(0).largest_drift, 1e-7, 1e-12);
  EXPECT_EQ(verdict_of(a, b), Verdict::different);
  EXPECT_EQ(verdict_of(a, b, false), Verdict::deterministic);
}

TEST(Compare, AServerThatDiffersFromItselfAlikeIsToldSo) {
  Results a = results_of({{"p", "ab"}, {"p", "ac"}});
  Comparison comparison = compare(a, a);
  EXPECT_EQ(comparison.different, 1);
  EXPECT_FALSE(comparison.differences.at(0).across);
  EXPECT_PRED2(contains, to_text(comparison, judge(comparison, {}), a, a), "the same ones on both sides");
}

TEST(Compare, NothingInCommonTellsNothing) {
  Results a = results_of({{"p", "a"}}), b = results_of({{"p", "a"}}), failed = a;
  b.header.dialect.endpoint = client::Endpoint::completions;
  failed.records[0].error_kind = "timeout";
  EXPECT_EQ(verdict_of(a, b), Verdict::unknown) << "another endpoint, another request";
  EXPECT_EQ(verdict_of(a, failed), Verdict::unknown);
}

TEST(Compare, AServerThatAnswersLittleTellsNothing) {
  Results a = results_of({{"p", "a"}, {"q", "a"}, {"r", "a"}}), b = a;
  b.records[1].error_kind = "http 500";
  EXPECT_EQ(compare(a, b).unanswered, 1);
  EXPECT_EQ(verdict_of(a, b), Verdict::unknown);
  b.records[0].answer.text = "b";
  EXPECT_EQ(verdict_of(a, b), Verdict::different) << "one difference is enough";
}

TEST(DiffReport, EveryDifferentRequestIsASection) {
  Results a = results_of({{"p", "abc"}, {"p", "abc"}, {"p", "abd"}, {"q", "x"}, {"it's", "y", -1}}),
          b = results_of({{"p", "abd"}, {"q", "x"}, {"it's", "y", -2}});
  Comparison comparison = compare(a, b);
  report::Report page = to_report(comparison, judge(comparison, {}), {"a b.jsonl", a}, {"b.jsonl", b});
  EXPECT_EQ(page.verdict, report::Verdict::differs);
  EXPECT_EQ(page.word, "Different");
  EXPECT_EQ(page.headline, "1 of 3 requests have different answers");
  EXPECT_EQ(page.replay, "verbatim diff 'a b.jsonl' 'b.jsonl'");
  ASSERT_EQ(page.sections.size(), 2u);
  EXPECT_EQ(page.sections[0].finding, "3 answers of A, 1 of B, 2 distinct by tokens");
  const auto& lanes = page.sections[0].groups.at(0).lanes;
  ASSERT_EQ(lanes.size(), 3u) << "alike answers of one file share a lane";
  EXPECT_EQ(lanes[0].count, 2);
  EXPECT_EQ(lanes[0].label, "A, record 0");
  EXPECT_EQ(lanes[2].label, "B, record 0");
  EXPECT_EQ(lanes[2].conditions, (std::vector<report::Fact>{{"file", "B"}}));
  EXPECT_EQ(lanes[2].tokens.back().bytes, " d");
  EXPECT_EQ(page.sections[1].finding,
            "1 answers of A, 1 of B, 1 distinct by tokens, with different log-probabilities");
  EXPECT_PRED2(contains, report::render_html(page), "\"word\":\"Different\"");
}

TEST(DiffReport, SaysHowManyAreLeftOut) {
  std::vector<std::string> prompts;
  for (int i = 0; i < 45; ++i) prompts.push_back(std::to_string(i));
  Results a = results_of({}), b;
  for (const std::string& prompt : prompts) {
    Record record = results_of({{prompt.c_str(), "a"}}).records[0];
    record.index = a.records.size();
    a.records.push_back(record);
    record.answer.finish_reason = "length";
    b.records.push_back(record);
  }
  Comparison comparison = compare(a, b);
  report::Report page = to_report(comparison, judge(comparison, {}), {"a", a}, {"b", b});
  ASSERT_EQ(page.sections.size(), 41u);
  EXPECT_EQ(page.sections.back().heading, "5 other requests");
}

}  // namespace
}  // namespace verbatim::audit
