#include "audit/html_report.h"

#include <fmt/ranges.h>
#include <algorithm>

#include "audit/lanes.h"
#include "audit/text_report.h"

namespace verbatim::audit {
namespace {

report::Verdict shown(Verdict verdict) {
  constexpr report::Verdict kShown[] = {report::Verdict::deterministic, report::Verdict::differs,
                                        report::Verdict::unclear};
  return kShown[static_cast<int>(verdict)];
}

// The reference's answer comes first.
std::vector<ShownRecord> records_of(const Results& results, const ProbeFindings& probe) {
  std::vector<ShownRecord> shown;
  for (const DistinctAnswer& distinct : probe.distinct) {
    for (std::size_t member : distinct.members) {
      const Record& record = results.records[probe.records[member]];
      shown.push_back({&record,
                       fmt::format("record {}", record.index),
                       {{"concurrency", fmt::format("{}", record.condition.concurrency)},
                        {"neighbours", kNeighbourNames[static_cast<int>(record.condition.neighbours)]}}});
    }
  }
  return shown;
}

report::Table table_of(const Findings& findings, double temperature) {
  report::Table table;
  table.caption = "Answers by load";
  table.columns = {"concurrency", "neighbours",          "answered",      "of",
                   "distinct",    "not the most common", "largest drift", "at once"};
  for (const ConditionFindings& row : findings.conditions) {
    if (row.condition.temperature != temperature) continue;
    table.rows.push_back({fmt::format("{}", row.condition.concurrency),
                          kNeighbourNames[static_cast<int>(row.condition.neighbours)],
                          fmt::format("{}", row.good), fmt::format("{}", row.planned),
                          fmt::format("{}", row.distinct), fmt::format("{}", row.others), drift_text(row),
                          fmt::format("{}", findings.streamed ? row.generating : row.in_flight)});
  }
  return table;
}

report::Section section_of(const Results& results, const Findings& findings, const ProbeFindings& probe) {
  report::Section section;
  section.heading = fmt::format("Temperature {}", probe.request.temperature);
  auto drifts = [](const DistinctAnswer& each) { return each.bit_patterns > 1; };
  bool differs = probe.distinct.size() > 1 || std::ranges::any_of(probe.distinct, drifts);
  section.verdict = probe.records.empty() ? report::Verdict::unclear
                    : differs             ? report::Verdict::differs
                                          : report::Verdict::deterministic;
  section.finding =
      fmt::format("{} answers to one request, {} distinct by {}{}", probe.records.size(),
                  probe.distinct.size(), probe.tokens_known ? "tokens" : "text",
                  differs && probe.distinct.size() == 1 ? ", with different log-probabilities" : "");
  section.tables = {table_of(findings, probe.request.temperature)};
  if (probe.records.empty()) return section;
  report::LaneGroup group;
  group.title = "Answers";
  group.prompt = probe.request.prompt;
  group.unit = probe.tokens_known ? "token" : "word";
  group.lanes = lanes_of(records_of(results, probe), probe.tokens_known);
  section.groups = {std::move(group)};
  return section;
}

std::optional<std::size_t> first_parting(const Findings& findings) {
  std::optional<std::size_t> first;
  for (const ProbeFindings& probe : findings.probes) {
    for (const DistinctAnswer& each : probe.distinct) {
      if (each.parting) first = std::min(first.value_or(each.parting->at), each.parting->at);
    }
  }
  return first;
}

}  // namespace

std::string replay_command(const Header& header) {
  const AuditShape& shape = header.shape;
  return fmt::format(
      "verbatim audit {} --served-model-name {} --endpoint {} -N {} -n {} --concurrency {} --temperature {} "
      "--seed {} "
      "-p {}",
      header.url, report::shell_quoted(header.dialect.model),
      header.dialect.endpoint == client::Endpoint::chat ? "chat" : "completions", shape.repeat,
      shape.max_tokens, fmt::join(shape.concurrency, ","), fmt::join(shape.temperatures, ","), shape.seed,
      report::shell_quoted(shape.prompt));
}

report::Report to_report(const Results& results, const Findings& findings, const Judgement& judgement,
                         const std::string& raw_data) {
  const Dialect& dialect = results.header.dialect;
  report::Report page;
  page.title = fmt::format("Audit of {}", results.header.url);
  page.verdict = shown(judgement.verdict);
  for (const std::string& reason : judgement.reasons) {
    page.headline +=
        (page.headline.empty() ? "" : "; ") + reason.substr(reason.find(' ') + 1);  // without its rule
  }
  std::vector<std::string> distinct;
  for (const ProbeFindings& probe : findings.probes) {
    distinct.push_back(fmt::format("{} of {} at temperature {}", probe.distinct.size(), probe.records.size(),
                                   probe.request.temperature));
  }
  page.facts = {{"distinct answers", fmt::format("{}", fmt::join(distinct, ", "))}};
  if (auto first = first_parting(findings))
    page.facts.push_back({"first divergence", fmt::format("{}", *first)});
  page.facts.push_back({findings.streamed ? "answers at once" : "requests under way at once",
                        fmt::format("{}", findings.streamed ? findings.generating : findings.in_flight)});
  for (const ProbeFindings& probe : findings.probes) {
    page.sections.push_back(section_of(results, findings, probe));
  }
  page.replay = replay_command(results.header);
  page.provenance = {{"server", results.header.url},
                     {"model", dialect.model},
                     {"endpoint", client::path_of(dialect.endpoint)}};
  for (const std::string& note : dialect.notes) page.provenance.push_back({"lacks", note});
  for (const FingerprintFindings& each : findings.fingerprints) {
    page.provenance.push_back(
        {"system_fingerprint",
         fmt::format("{} ({} answers)", each.fingerprint.empty() ? "(none)" : each.fingerprint,
                     each.answers)});
  }
  for (const ErrorFindings& error : findings.errors) {
    page.provenance.push_back(
        {"error " + error.kind,
         fmt::format("{} requests failed, {} attempts were made again", error.requests, error.retried)});
  }
  page.raw_data = raw_data;
  return page;
}

}  // namespace verbatim::audit
