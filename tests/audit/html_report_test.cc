// What of an audit reaches its page.
#include "audit/html_report.h"

#include <gtest/gtest.h>

namespace verbatim::audit {
namespace {

report::Report page_of(const Results& results) {
  auto findings = analyse(results);
  CHECK(findings.ok(), "{}", findings.error().message);
  return to_report(results, *findings, judge(*findings, {}), "results.jsonl");
}

// 16 probes at temperature 0, of which record `odd` says something else.
Results results_with(std::size_t odd, bool tokens = true) {
  Results results;
  results.header.url = "http://127.0.0.1";
  results.header.shape.prompt = "it's";
  results.header.shape.repeat = 16;
  results.header.shape.temperatures = {0};
  auto plan = make_plan(results.header.shape).value();
  for (std::size_t i = 0; i < plan.size(); ++i) {
    Record record;
    record.index = i;
    record.condition = plan[i].condition;
    record.probe = plan[i].probe;
    record.request = plan[i].request;
    record.generating = 4;
    std::string second = i == odd ? " c" : " b";
    record.answer.text = " a" + second;
    record.answer.finish_reason = "stop";
    if (tokens) {
      for (const std::string& text : {std::string(" a"), second}) {
        ScoredToken token;
        token.text = text;
        token.logprob = -1;
        token.top = {{"low", {}, {}, -9.0}, {text, {}, {}, -1.0}};
        record.answer.tokens.push_back(token);
      }
    }
    results.records.push_back(record);
  }
  return results;
}

std::size_t last_probe(const Results& results) {
  std::size_t last = 0;
  for (const Record& record : results.records) {
    if (record.probe) last = record.index;
  }
  return last;
}

TEST(HtmlReport, EveryProbeIsInALaneAndTheReferenceComesFirst) {
  std::size_t odd = last_probe(results_with(0));
  report::Report page = page_of(results_with(odd));
  EXPECT_EQ(page.verdict, report::Verdict::differs);
  EXPECT_EQ(page.headline, "at temperature 0 one request has 2 different answers");
  ASSERT_EQ(page.sections.size(), 1u);
  const report::LaneGroup& group = page.sections[0].groups.at(0);
  EXPECT_EQ(group.unit, "token");
  std::int64_t answers = 0;
  for (const report::Lane& lane : group.lanes) answers += lane.count;
  EXPECT_EQ(answers, 16);
  EXPECT_EQ(group.lanes.size(), 9u) << "8 conditions, and one answer apart in the last";
  EXPECT_EQ(group.lanes.front().tokens.at(1).bytes, " b");
  EXPECT_EQ(group.lanes.back().tokens.at(1).bytes, " c");
  EXPECT_EQ(group.lanes.back().label, fmt::format("record {}", odd));
  EXPECT_EQ(group.lanes.back().tokens.at(1).top.front().bytes, " c") << "best first";
  EXPECT_EQ(page.sections[0].tables.at(0).rows.size(), 8u);
}

TEST(HtmlReport, WithoutTokensWordsAreShown) {
  report::Report page = page_of(results_with(last_probe(results_with(0)), false));
  EXPECT_EQ(page.sections.at(0).groups.at(0).unit, "word");
  EXPECT_EQ(page.sections.at(0).groups.at(0).lanes.front().tokens.size(), 2u);
}

TEST(HtmlReport, TheCommandIsForAShell) {
  Results results = results_with(0);
  results.header.dialect.model = "a model";
  EXPECT_EQ(replay_command(results.header),
            "verbatim audit http://127.0.0.1 --served-model-name 'a model' --endpoint chat -N 16 -n 64 "
            "--concurrency 1,4,8,16 --temperature 0 --seed 42 -p 'it'\\''s'");
}

TEST(HtmlReport, BecomesAPage) {
  std::string html = report::render_html(page_of(results_with(0)));
  EXPECT_NE(html.find("<html"), html.npos);
  EXPECT_NE(html.find("Audit of http://127.0.0.1"), html.npos);
}

}  // namespace
}  // namespace verbatim::audit
