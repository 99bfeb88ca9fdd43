#include "audit/verdict.h"

#include <algorithm>

namespace verbatim::audit {
namespace {

void find_differences(const Findings& findings, const Rules& rules, std::vector<std::string>& reasons) {
  for (const ProbeFindings& probe : findings.probes) {
    if (!probe.differs_for_one_fingerprint) continue;
    reasons.push_back(fmt::format("V1: at temperature {} one request has {} different answers",
                                  probe.request.temperature, probe.distinct.size()));
  }
  for (const ProbeFindings& probe : findings.probes) {
    if (probe.differs_for_one_fingerprint || !probe.drifts_for_one_fingerprint || !rules.require_bits)
      continue;
    reasons.push_back(fmt::format("V2: at temperature {} equal answers have different log-probabilities",
                                  probe.request.temperature));
  }
}

void find_changes(const Findings& findings, const Rules& rules, std::vector<std::string>& reasons) {
  auto drifts = [](const DistinctAnswer& each) { return each.bit_patterns > 1; };
  for (const ProbeFindings& probe : findings.probes) {
    bool differs =
        probe.distinct.size() > 1 || (rules.require_bits && std::ranges::any_of(probe.distinct, drifts));
    if (!differs) continue;
    reasons.push_back(
        fmt::format("V3: at temperature {} answers differ, but each of the {} system_fingerprints has one: "
                    "the server was changed during the audit",
                    probe.request.temperature, findings.fingerprints.size()));
  }
}

void find_gaps(const Findings& findings, std::vector<std::string>& reasons) {
  if (findings.probes_recorded < findings.probes_planned) {
    reasons.push_back(fmt::format("V4: {} of {} probes were sent; the same command goes on from there",
                                  findings.probes_recorded, findings.probes_planned));
  }
}

void find_failures(const Findings& findings, std::vector<std::string>& reasons) {
  auto recorded = static_cast<double>(findings.probes_recorded);
  if (static_cast<double>(findings.probes_good) < kLeastGood * recorded) {
    reasons.push_back(fmt::format("V5: only {} of {} probes were answered", findings.probes_good,
                                  findings.probes_recorded));
  }
  for (const ConditionFindings& row : findings.conditions) {
    if (2 * row.good >= row.planned || findings.probes_recorded < findings.probes_planned) continue;
    reasons.push_back(
        fmt::format("V5: only {} of {} probes were answered at concurrency {}, temperature {}, {} "
                    "neighbours",
                    row.good, row.planned, row.condition.concurrency, row.condition.temperature,
                    kNeighbourNames[static_cast<int>(row.condition.neighbours)]));
  }
  for (std::size_t kind = 0; kind < findings.neighbours_good.size(); ++kind) {
    const std::int64_t good = findings.neighbours_good[kind], all = findings.neighbours_recorded[kind];
    if (2 * good >= all) continue;
    reasons.push_back(fmt::format("V5: only {} of {} {} neighbours were answered, so they were no load", good,
                                  all, kNeighbourNames[kind]));
  }
}

void find_emptiness(const Findings& findings, std::vector<std::string>& reasons) {
  for (const ProbeFindings& probe : findings.probes) {
    if (probe.records.empty() || probe.any_text) continue;
    reasons.push_back(fmt::format("V6: at temperature {} every answer is empty", probe.request.temperature));
  }
}

// Each temperature's probe is a request of its own.
void find_solitude(const Findings& findings, const Rules& rules, std::vector<std::string>& reasons) {
  for (const ProbeFindings& probe : findings.probes) {
    std::int64_t overlap = 0;
    for (const ConditionFindings& row : findings.conditions) {
      if (row.condition.temperature == probe.request.temperature)
        overlap = std::max(overlap, findings.streamed ? row.generating : row.in_flight);
    }
    if (overlap >= rules.need_overlap) continue;
    reasons.push_back(fmt::format(
        "V7: at temperature {} at most {} {} at a time, and {} are needed to see what load does",
        probe.request.temperature, overlap,
        findings.streamed ? "answers were coming" : "requests were under way", rules.need_overlap));
  }
}

}  // namespace

Judgement judge(const Findings& findings, const Rules& rules) {
  Judgement judgement;
  find_differences(findings, rules, judgement.reasons);
  if (!judgement.reasons.empty()) {
    judgement.verdict = Verdict::different;
    return judgement;
  }
  find_changes(findings, rules, judgement.reasons);
  find_gaps(findings, judgement.reasons);
  find_failures(findings, judgement.reasons);
  find_emptiness(findings, judgement.reasons);
  find_solitude(findings, rules, judgement.reasons);
  if (!judgement.reasons.empty()) return judgement;
  judgement.verdict = Verdict::deterministic;
  judgement.reasons.push_back(
      fmt::format("V8: {} probes, one answer to each request; up to {} {} at a time", findings.probes_good,
                  findings.streamed ? findings.generating : findings.in_flight,
                  findings.streamed ? "answers were coming" : "requests were under way"));
  return judgement;
}

}  // namespace verbatim::audit
