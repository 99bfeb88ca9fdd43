#include "audit/text_report.h"

#include <algorithm>
#include <map>
#include <ranges>

namespace verbatim::audit {
namespace {

constexpr std::size_t kShownAnswers = 8, kShownErrors = 6;

const char* title(Verdict verdict) {
  constexpr const char* kTitles[] = {"DETERMINISTIC", "NOT DETERMINISTIC", "COULD NOT TELL"};
  return kTitles[static_cast<int>(verdict)];
}

std::string dialect_text(const Dialect& dialect) {
  std::string text =
      fmt::format("asked   model {} at {}\n", dialect.model, client::path_of(dialect.endpoint));
  std::string understood;
  for (const Feature& feature : features()) {
    if (dialect.*feature.wanted)
      understood += fmt::format("{}{}", understood.empty() ? "" : ", ", feature.name);
  }
  text += fmt::format("gives   {}\n", understood.empty() ? "text alone" : understood);
  for (const std::string& note : dialect.notes) text += fmt::format("lacks   {}\n", note);
  return text;
}

std::string table_text(const Findings& findings) {
  std::string text =
      fmt::format("{:>11}  {:>11}  {:<10}  {:>11}  {:>8}  {:>6}  {:>9}  {:>8}\n", "temperature",
                  "concurrency", "neighbours", "answered", "distinct", "others", "drift", "at once");
  for (const ConditionFindings& row : findings.conditions) {
    text +=
        fmt::format("{:>11}  {:>11}  {:<10}  {:>11}  {:>8}  {:>6}  {:>9}  {:>8}\n", row.condition.temperature,
                    row.condition.concurrency, kNeighbourNames[static_cast<int>(row.condition.neighbours)],
                    fmt::format("{} of {}", row.good, row.planned), row.distinct, row.others, drift_text(row),
                    findings.streamed ? row.generating : row.in_flight);
  }
  return text +
         "distinct: answers of this row; others: not the most common one of the temperature; drift: largest\n"
         "difference of a log-probability from the most common answer's, 0 where all bits are the same;\n" +
         (findings.streamed ? "at once: most answers that were coming at a time, a probe's among them\n"
                            : "at once: most requests under way at a time (answers are not streamed)\n");
}

// "1 x 12, 8 x 3": how often an answer came at each concurrency.
std::string concurrencies_text(const Results& results, const ProbeFindings& probe,
                               const DistinctAnswer& answer) {
  std::map<std::int64_t, int> counts;
  for (std::size_t member : answer.members) {
    ++counts[results.records[probe.records[member]].condition.concurrency];
  }
  std::string text;
  for (auto [concurrency, count] : counts) {
    text += fmt::format("{}{} at {}", text.empty() ? "" : ", ", count, concurrency);
  }
  return text;
}

std::string answers_text(const Results& results, const ProbeFindings& probe) {
  std::string text =
      fmt::format("\ntemperature {}: {} answers, {} distinct by {}\n", probe.request.temperature,
                  probe.records.size(), probe.distinct.size(), probe.tokens_known ? "tokens" : "text");
  for (std::size_t i = 0; i < std::min(kShownAnswers, probe.distinct.size()); ++i) {
    const DistinctAnswer& distinct = probe.distinct[i];
    const Record& record = results.records[probe.records[distinct.members.front()]];
    text += fmt::format("  {:>5} x  {}\n", distinct.members.size(), quoted(record.answer.text));
    text += fmt::format("           {} (by concurrency); first: record {}\n",
                        concurrencies_text(results, probe, distinct), record.index);
    if (distinct.parting) text += fmt::format("           parts at {}\n", parting_text(*distinct.parting));
    if (distinct.bit_patterns > 1) {
      text += fmt::format("           with {} different sets of log-probabilities\n", distinct.bit_patterns);
    }
  }
  if (probe.distinct.size() > kShownAnswers) {
    text += fmt::format("  and {} others\n", probe.distinct.size() - kShownAnswers);
  }
  return text;
}

std::string drift_places_text(const ProbeFindings& probe) {
  if (probe.drift.empty()) return "";
  std::int64_t same = std::ranges::count_if(probe.drift, &PlaceDrift::same_bits);
  auto worst = std::ranges::max_element(probe.drift, {}, &PlaceDrift::largest);
  std::string text = fmt::format(
      "  log-probabilities: {} of {} places have the same bits in all answers that agree "
      "up to there\n",
      same, probe.drift.size());
  if (worst->largest > 0) {
    text += fmt::format("  largest drift: {:.3g} at token {}, {} different numbers in {} answers\n",
                        worst->largest, worst - probe.drift.begin(), worst->distinct, worst->compared);
  }
  return text;
}

std::string fingerprints_text(const Findings& findings) {
  std::string text;
  if (findings.fingerprints.size() > 1) text += "system_fingerprint CHANGED during the audit:\n";
  for (const FingerprintFindings& each : findings.fingerprints) {
    text += fmt::format("system_fingerprint {}: {} answers, records {} to {}\n",
                        each.fingerprint.empty() ? "(none)" : each.fingerprint, each.answers, each.first,
                        each.last);
  }
  return text;
}

std::string errors_text(const Findings& findings) {
  std::string text;
  for (std::size_t i = 0; i < std::min(kShownErrors, findings.errors.size()); ++i) {
    const ErrorFindings& error = findings.errors[i];
    text += fmt::format("error {}: {} requests failed, {} attempts were made again{}{}\n", error.kind,
                        error.requests, error.retried, error.example.empty() ? "" : ": ",
                        quoted(error.example, 200));
  }
  return text;
}

}  // namespace

std::string drift_text(const ConditionFindings& row) {
  if (!row.largest_drift) return "-";
  if (row.same_bits) return "0";
  return *row.largest_drift == 0 ? "top list" : fmt::format("{:.3g}", *row.largest_drift);
}

std::string quoted(const std::string& text, std::size_t most) {
  if (text.empty()) return "\"\"";
  std::string shown = "\"";
  std::size_t i = 0;
  for (; i < text.size() && shown.size() < most; ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n') {
      shown += "\\n";
    } else if (c == '"' || c == '\\') {
      shown += {'\\', text[i]};
    } else if (c < 0x20 || c == 0x7f) {
      shown += fmt::format("\\x{:02x}", c);
    } else {
      shown += text[i];
    }
  }
  while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) shown += text[i++];
  return shown + (i < text.size() ? "\"..." : "\"");
}

std::string logprob_text(std::optional<double> logprob) {
  return logprob ? fmt::format("{:.6g}", *logprob) : "not shown";
}

std::string parting_text(const Parting& parting) {
  std::string text = fmt::format("{} {}: {} instead of {}", parting.in_tokens ? "token" : "byte", parting.at,
                                 quoted(parting.other), quoted(parting.common));
  if (!parting.in_tokens) return text;
  std::string other = logprob_text(parting.other_logprob);
  if (!parting.other_logprob && parting.own_logprob) {
    other += fmt::format(" ({} by its own account)", logprob_text(parting.own_logprob));
  }
  text += fmt::format(", log-probabilities {} and {}", other, logprob_text(parting.common_logprob));
  if (auto margin = parting.margin()) text += fmt::format(", margin {:.3g}", *margin);
  return text;
}

std::string announce(const Header& header, std::int64_t done, std::int64_t max_requests) {
  auto plan = make_plan(header.shape);
  if (!plan) return "";
  std::int64_t tokens = 0;
  std::map<std::int64_t, std::map<Condition, std::int64_t>> requests;  // by concurrency
  for (const PlannedRequest& each : *plan) {
    tokens += each.request.max_tokens;
    ++requests[each.condition.concurrency][each.condition];
  }
  std::string text = fmt::format(
      "server  {}\n{}plan    {} requests, {} of them done; at most {} with those that are tried again\n"
      "cost    at most {} tokens of answers for {} requests; at most {} if every one of {} is used\n",
      header.url, dialect_text(header.dialect), plan->size(), done, max_requests, tokens, plan->size(),
      max_requests * header.shape.max_tokens, max_requests);
  for (const auto& [concurrency, conditions] : requests) {
    std::int64_t fewest = std::ranges::min(conditions | std::views::values);
    if (fewest >= concurrency) continue;
    text += fmt::format("note    at concurrency {} there are only {} requests at a time: raise --repeat\n",
                        concurrency, fewest);
  }
  return text;
}

std::string to_text(const Results& results, const Findings& findings, const Judgement& judgement) {
  std::string text =
      fmt::format("server  {}\n{}\n", results.header.url, dialect_text(results.header.dialect));
  text += table_text(findings);
  for (const ProbeFindings& probe : findings.probes) {
    text += answers_text(results, probe) + drift_places_text(probe);
  }
  text += '\n' + fingerprints_text(findings) + errors_text(findings);
  text += fmt::format("\n{}\n", title(judgement.verdict));
  for (const std::string& reason : judgement.reasons) text += fmt::format("  {}\n", reason);
  return text;
}

}  // namespace verbatim::audit
