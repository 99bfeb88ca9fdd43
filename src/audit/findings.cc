#include "audit/findings.h"

#include <algorithm>
#include <map>
#include <span>

namespace verbatim::audit {
namespace {

std::vector<const Answer*> answers_of(const Results& results, std::span<const std::size_t> records) {
  std::vector<const Answer*> answers;
  for (std::size_t i : records) answers.push_back(&results.records[i].answer);
  return answers;
}

// The largest number of distinct answers, and of bit patterns of one answer, that one fingerprint gave.
void judge_fingerprints(const Results& results, ProbeFindings& probe) {
  std::map<std::string, std::vector<const Answer*>> by_fingerprint;
  for (std::size_t i : probe.records) {
    const Answer& answer = results.records[i].answer;
    by_fingerprint[answer.fingerprint].push_back(&answer);
  }
  for (const auto& [fingerprint, answers] : by_fingerprint) {
    auto distinct = distinct_answers(answers);
    auto drifts = [](const DistinctAnswer& each) { return each.bit_patterns > 1; };
    probe.differs_for_one_fingerprint |= distinct.size() > 1;
    probe.drifts_for_one_fingerprint |= std::ranges::any_of(distinct, drifts);
  }
}

ProbeFindings find_probe(const Results& results, double temperature) {
  ProbeFindings probe;
  probe.request = probe_of(results.header.shape, temperature);
  for (std::size_t i = 0; i < results.records.size(); ++i) {
    const Record& record = results.records[i];
    if (record.probe && record.good() && record.request == probe.request) probe.records.push_back(i);
  }
  if (probe.records.empty()) return probe;
  auto answers = answers_of(results, probe.records);
  probe.tokens_known = tokens_known(answers);
  probe.distinct = distinct_answers(answers);
  probe.drift = drift_of(*answers[probe.distinct.front().members.front()], answers);
  probe.any_text = std::ranges::any_of(
      answers, [](const Answer* each) { return !each->text.empty() || !each->tokens.empty(); });
  judge_fingerprints(results, probe);
  return probe;
}

// The part of the table that one temperature fills.
void find_conditions(const Results& results, const ProbeFindings& probe,
                     std::vector<ConditionFindings>& rows) {
  std::vector<bool> common(probe.records.size());
  if (!probe.distinct.empty()) {
    for (std::size_t member : probe.distinct.front().members) common[member] = true;
  }
  for (ConditionFindings& row : rows) {
    if (row.condition.temperature != probe.request.temperature) continue;
    std::vector<std::size_t> records;
    for (std::size_t i = 0; i < probe.records.size(); ++i) {
      if (results.records[probe.records[i]].condition != row.condition) continue;
      records.push_back(probe.records[i]);
      if (!common[i]) ++row.others;
    }
    row.good = static_cast<std::int64_t>(records.size());
    if (records.empty()) continue;
    auto answers = answers_of(results, records);
    row.distinct = static_cast<std::int64_t>(distinct_answers(answers).size());
    std::size_t reference = probe.records[probe.distinct.front().members.front()];
    for (const PlaceDrift& place : drift_of(results.records[reference].answer, answers)) {
      row.largest_drift = std::max(row.largest_drift.value_or(0), place.largest);
      row.same_bits = row.same_bits && place.same_bits;
    }
  }
}

void note_witness(const Record& record, ConditionFindings& row, Findings& findings) {
  row.in_flight = std::max(row.in_flight, record.in_flight);
  row.generating = std::max(row.generating, record.generating);
  findings.in_flight = std::max(findings.in_flight, record.in_flight);
  findings.generating = std::max(findings.generating, record.generating);
}

void note_fingerprint(const Record& record, std::vector<FingerprintFindings>& fingerprints) {
  auto known = std::ranges::find(fingerprints, record.answer.fingerprint, &FingerprintFindings::fingerprint);
  if (known == fingerprints.end()) {
    known = fingerprints.insert(known, {record.answer.fingerprint, 0, record.index, record.index});
  }
  ++known->answers;
  known->last = record.index;
}

void note_errors(const Record& record, std::map<std::string, ErrorFindings>& errors) {
  auto at = [&](const std::string& kind) -> ErrorFindings& {
    ErrorFindings& found = errors[kind];
    found.kind = kind;
    return found;
  };
  for (const std::string& kind : record.retried) ++at(kind).retried;
  if (record.good()) return;
  ErrorFindings& error = at(record.error_kind);
  if (error.requests++ == 0) error.example = record.error;
}

}  // namespace

Result<Findings> analyse(const Results& results) {
  auto plan = make_plan(results.header.shape);
  if (!plan) return plan.error();
  Findings findings;
  findings.planned = static_cast<std::int64_t>(plan->size());
  findings.recorded = static_cast<std::int64_t>(results.records.size());
  findings.streamed = results.header.dialect.stream;
  auto row_of = [&](const Condition& condition) -> ConditionFindings& {
    auto found = std::ranges::find(findings.conditions, condition, &ConditionFindings::condition);
    if (found != findings.conditions.end()) return *found;
    findings.conditions.emplace_back().condition = condition;
    return findings.conditions.back();
  };
  for (const PlannedRequest& each : *plan) {
    if (each.probe) ++row_of(each.condition).planned, ++findings.probes_planned;
  }
  std::map<std::string, ErrorFindings> errors;
  for (const Record& record : results.records) {
    if (record.index >= plan->size() || (*plan)[record.index].request != record.request ||
        (*plan)[record.index].condition != record.condition || (*plan)[record.index].probe != record.probe) {
      return fail("record {} is not of the plan that the first line describes", record.index);
    }
    note_errors(record, errors);
    if (record.good()) note_fingerprint(record, findings.fingerprints);
    if (!record.probe) {
      const auto kind = static_cast<std::size_t>(record.condition.neighbours);
      ++findings.neighbours_recorded[kind];
      findings.neighbours_good[kind] += record.good() ? 1 : 0;
      continue;
    }
    ++findings.probes_recorded;
    if (!record.good()) continue;  // what was not answered is no witness
    ++findings.probes_good;
    note_witness(record, row_of(record.condition), findings);
  }
  for (auto& [kind, error] : errors) findings.errors.push_back(std::move(error));
  for (double temperature : results.header.shape.temperatures) {
    findings.probes.push_back(find_probe(results, temperature));
    find_conditions(results, findings.probes.back(), findings.conditions);
  }
  return findings;
}

}  // namespace verbatim::audit
