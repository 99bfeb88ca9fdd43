#include "client/load_report.h"

#include <gtest/gtest.h>

#include "json/library.h"

namespace verbatim::client {
namespace {

TEST(Spread, PercentilesInterpolateBetweenRanks) {
  std::vector<double> values;
  for (int i = 100; i >= 0; --i) values.push_back(i);
  Spread spread = spread_of(values);
  EXPECT_EQ(spread.mean, 50);
  EXPECT_EQ(spread.median, 50);
  EXPECT_EQ(spread.p99, 99);
  EXPECT_EQ(spread_of({1, 2}).median, 1.5);
  EXPECT_EQ(spread_of({3}).p99, 3);
  EXPECT_EQ(spread_of({}).mean, 0);
}

Outcome answered(double sent, std::vector<double> events, double done, std::string text) {
  Outcome outcome;
  outcome.sent = sent;
  outcome.events = std::move(events);
  outcome.done = done;
  outcome.text = std::move(text);
  outcome.finish_reason = "stop";
  outcome.input_tokens = 10;
  outcome.output_tokens = static_cast<std::int64_t>(outcome.events.size());
  return outcome;
}

LoadResult two_and_a_failure() {
  LoadResult result;
  result.seconds = 2;
  result.outcomes = {answered(0, {0.1, 0.2, 0.4}, 0.5, "a"), answered(1, {1.3}, 1.4, "b")};
  result.outcomes.emplace_back().error = "lost";
  result.outcomes.emplace_back().error = "lost";
  return result;
}

// The labels and columns that scripts made for vLLM's benchmark read.
TEST(LoadReport, PrintsTheBlockThatVllmPrints) {
  EXPECT_EQ(to_text(report_of(two_and_a_failure())),
            "============ Serving Benchmark Result ============\n"
            "Successful requests:                     2         \n"
            "Failed requests:                         2         \n"
            "Benchmark duration (s):                  2.00      \n"
            "Total input tokens:                      20        \n"
            "Total generated tokens:                  4         \n"
            "Request throughput (req/s):              1.00      \n"
            "Output token throughput (tok/s):         2.00      \n"
            "Total Token throughput (tok/s):          12.00     \n"
            "---------------Time to First Token----------------\n"
            "Mean TTFT (ms):                          200.00    \n"
            "Median TTFT (ms):                        200.00    \n"
            "P99 TTFT (ms):                           298.00    \n"
            "-----Time per Output Token (excl. 1st token)------\n"
            "Mean TPOT (ms):                          150.00    \n"
            "Median TPOT (ms):                        150.00    \n"
            "P99 TPOT (ms):                           150.00    \n"
            "---------------Inter-token Latency----------------\n"
            "Mean ITL (ms):                           150.00    \n"
            "Median ITL (ms):                         150.00    \n"
            "P99 ITL (ms):                            199.00    \n"
            "----------------End-to-end Latency----------------\n"
            "Mean E2EL (ms):                          450.00    \n"
            "Median E2EL (ms):                        450.00    \n"
            "P99 E2EL (ms):                           499.00    \n"
            "==================================================\n");
}

TEST(LoadReport, CountsDistinctAnswersAndKeepsEachErrorOnce) {
  LoadResult result = two_and_a_failure();
  LoadReport report = report_of(result);
  EXPECT_EQ(report.distinct_answers, 2);
  EXPECT_EQ(report.errors, std::vector<std::string>{"lost"});
  result.outcomes[1].text = "a";
  EXPECT_EQ(report_of(result).distinct_answers, 1);
  result.outcomes[1].finish_reason = "length";
  EXPECT_EQ(report_of(result).distinct_answers, 2) << "the same text for another reason is another answer";
}

TEST(LoadReport, JsonHasTheSameNumbers) {
  nlohmann::json json = to_json(report_of(two_and_a_failure()));
  EXPECT_EQ(json.at("completed"), 2);
  EXPECT_EQ(json.at("failed"), 2);
  EXPECT_EQ(json.at("total_output_tokens"), 4);
  EXPECT_DOUBLE_EQ(json.at("p99_ttft_ms").get<double>(), 298);
  EXPECT_DOUBLE_EQ(json.at("mean_itl_ms").get<double>(), 150);
}

TEST(LoadReport, NothingAnsweredIsNoDivisionByZero) {
  LoadResult result;
  result.seconds = 1;
  result.outcomes.emplace_back().error = "refused";
  EXPECT_EQ(to_json(report_of(result)).at("mean_tpot_ms"), 0);
}

}  // namespace
}  // namespace verbatim::client
