#include "client/load_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "json/library.h"

namespace verbatim::client {
namespace {

constexpr std::size_t kMostErrors = 5;
constexpr int kWidth = 50;  // vLLM's

double percentile(const std::vector<double>& sorted, double fraction) {
  double rank = fraction * static_cast<double>(sorted.size() - 1);
  auto below = static_cast<std::size_t>(rank);
  std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], rank - static_cast<double>(below));
}

struct Measure {
  const char* title;
  const char* name;
  const char* key;
  Spread LoadReport::*spread;
};
constexpr Measure kMeasures[] = {
    {"Time to First Token", "TTFT", "ttft", &LoadReport::ttft},
    {"Time per Output Token (excl. 1st token)", "TPOT", "tpot", &LoadReport::tpot},
    {"Inter-token Latency", "ITL", "itl", &LoadReport::itl},
    {"End-to-end Latency", "E2EL", "e2el", &LoadReport::latency},
};

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  return {mean, percentile(values, 0.5), percentile(values, 0.99)};
}

LoadReport report_of(const LoadResult& result) {
  LoadReport report;
  report.seconds = result.seconds;
  std::vector<double> ttft, tpot, itl, latency;
  std::set<std::pair<std::string, std::string>> answers;
  for (const Outcome& outcome : result.outcomes) {
    if (!outcome.error.empty()) {
      ++report.failed;
      if (report.errors.size() < kMostErrors &&
          std::ranges::find(report.errors, outcome.error) == report.errors.end()) {
        report.errors.push_back(outcome.error);
      }
      continue;
    }
    ++report.completed;
    report.input_tokens += outcome.input_tokens;
    report.output_tokens += outcome.output_tokens;
    latency.push_back(outcome.done - outcome.sent);
    answers.emplace(outcome.text, outcome.finish_reason);
    if (outcome.events.empty()) continue;
    ttft.push_back(outcome.events.front() - outcome.sent);
    if (outcome.output_tokens > 1) {
      double decode = outcome.events.back() - outcome.events.front();
      tpot.push_back(decode / static_cast<double>(outcome.output_tokens - 1));
    }
    for (std::size_t i = 1; i < outcome.events.size(); ++i)
      itl.push_back(outcome.events[i] - outcome.events[i - 1]);
  }
  report.ttft = spread_of(std::move(ttft));
  report.tpot = spread_of(std::move(tpot));
  report.itl = spread_of(std::move(itl));
  report.latency = spread_of(std::move(latency));
  report.distinct_answers = static_cast<std::int64_t>(answers.size());
  return report;
}

std::string to_text(const LoadReport& report) {
  std::string text = fmt::format("{:=^{}}\n", " Serving Benchmark Result ", kWidth);
  auto count = [&](const char* label, std::int64_t value) {
    text += fmt::format("{:<40} {:<10}\n", label, value);
  };
  auto number = [&](const std::string& label, double value) {
    text += fmt::format("{:<40} {:<10.2f}\n", label, value);
  };
  count("Successful requests:", report.completed);
  count("Failed requests:", report.failed);
  number("Benchmark duration (s):", report.seconds);
  count("Total input tokens:", report.input_tokens);
  count("Total generated tokens:", report.output_tokens);
  number("Request throughput (req/s):", static_cast<double>(report.completed) / report.seconds);
  number("Output token throughput (tok/s):", static_cast<double>(report.output_tokens) / report.seconds);
  number("Total Token throughput (tok/s):",
         static_cast<double>(report.input_tokens + report.output_tokens) / report.seconds);
  for (const Measure& measure : kMeasures) {
    const Spread& spread = report.*measure.spread;
    text += fmt::format("{:-^{}}\n", measure.title, kWidth);
    number(fmt::format("Mean {} (ms):", measure.name), 1e3 * spread.mean);
    number(fmt::format("Median {} (ms):", measure.name), 1e3 * spread.median);
    number(fmt::format("P99 {} (ms):", measure.name), 1e3 * spread.p99);
  }
  return text += std::string(kWidth, '=') + "\n";
}

nlohmann::json to_json(const LoadReport& report) {
  nlohmann::json json = {{"completed", report.completed},
                         {"failed", report.failed},
                         {"duration", report.seconds},
                         {"total_input_tokens", report.input_tokens},
                         {"total_output_tokens", report.output_tokens},
                         {"request_throughput", static_cast<double>(report.completed) / report.seconds},
                         {"output_throughput", static_cast<double>(report.output_tokens) / report.seconds},
                         {"total_token_throughput",
                          static_cast<double>(report.input_tokens + report.output_tokens) / report.seconds},
                         {"distinct_answers", report.distinct_answers},
                         {"errors", report.errors}};
  for (const Measure& measure : kMeasures) {
    const Spread& spread = report.*measure.spread;
    json[fmt::format("mean_{}_ms", measure.key)] = 1e3 * spread.mean;
    json[fmt::format("median_{}_ms", measure.key)] = 1e3 * spread.median;
    json[fmt::format("p99_{}_ms", measure.key)] = 1e3 * spread.p99;
  }
  return json;
}

}  // namespace verbatim::client
