#include "lab/page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "lab/render.h"

namespace verbatim::lab {
namespace {

std::string number(double x) { return fmt::format("{:.3g}", x); }

report::Table table_of(const std::vector<Trial>& trials) {
  report::Table table;
  table.columns = {"computed by", "what", "runs", "distinct", "first difference", "bits"};
  for (const Trial& t : trials) {
    if (!t.missing.empty()) continue;
    bool differs = t.difference.has_value();
    table.rows.push_back(
        {t.subject, t.what, fmt::format("{}", t.runs), fmt::format("{}", t.distinct),
         differs ? t.difference->where : "",
         differs ? hex_bits(t.difference->first) + ", " + hex_bits(t.difference->other) : ""});
  }
  return table;
}

report::Table table_of(const std::vector<Answers>& answers) {
  report::Table table;
  table.columns = {"computed by",   "drawn",          "answers",         "distinct texts",
                   "with logprobs", "median |drift|", "largest |drift|", "sequences in a step"};
  for (const Answers& a : answers) {
    table.rows.push_back({a.subject, a.what, fmt::format("{}", a.answers),
                          fmt::format("{}", a.distinct_texts), fmt::format("{}", a.distinct_bits),
                          number(a.drift.median), number(a.drift.largest),
                          fmt::format("{}", a.largest_crowd)});
  }
  return table;
}

report::Table table_of(const std::vector<Agreement>& agreements) {
  report::Table table;
  table.columns = {"computed by", "what",       "positions",      "bit-identical",
                   "mean KL",     "largest KL", "largest |drift|"};
  for (const Agreement& a : agreements) {
    table.rows.push_back({a.subject, a.what, fmt::format("{}", a.positions), fmt::format("{}", a.identical),
                          a.mean_kl ? number(*a.mean_kl) : "", a.max_kl ? number(*a.max_kl) : "",
                          number(a.drift.largest)});
  }
  return table;
}

report::Candidate candidate_of(const Candidate& c) { return {c.text, c.token, c.logprob}; }

report::LaneGroup lanes_of(const Answers& answers) {
  report::LaneGroup group;
  group.title = fmt::format("{}, {}", answers.subject, answers.what);
  for (const Variant& variant : answers.variants) {
    report::Lane lane;
    lane.label = group.lanes.empty() ? "alone" : fmt::format("in the crowd, {}", group.lanes.size());
    lane.count = variant.count;
    lane.ending = "length";
    for (const AnswerToken& token : variant.tokens) {
      report::Token& shown = lane.tokens.emplace_back();
      shown.bytes = token.chosen.text;
      shown.id = token.chosen.token;
      shown.logprob = token.chosen.logprob;
      for (const Candidate& likely : token.top) shown.top.push_back(candidate_of(likely));
    }
    group.lanes.push_back(std::move(lane));
  }
  return group;
}

// Of each thing that was swept, how far its results went from the first, by who computed it.
std::vector<report::Chart> charts_of(const std::vector<Trial>& trials) {
  std::vector<report::Chart> charts;
  for (const Trial& trial : trials) {
    if (trial.distances.empty()) continue;
    auto chart = std::ranges::find(charts, trial.what, &report::Chart::title);
    if (chart == charts.end()) {
      chart = charts.insert(chart, report::Chart());
      chart->title = trial.what;
      chart->x = {"rows", report::Scale::log, ""};
      chart->y = {"largest |difference| from the first run", report::Scale::log, "identical bits"};
    }
    report::Series& series = chart->series.emplace_back();
    series.name = trial.subject;
    for (const Distance& d : trial.distances) series.points.push_back({d.x, d.distance});
  }
  return charts;
}

report::Section section_of(const Finding& finding, const std::string& command) {
  constexpr const char* badges[] = {"seen", "not seen", "missing", "broken"};
  report::Section section;
  section.heading = finding.claim;
  section.verdict = finding.verdict == Verdict::broken    ? report::Verdict::differs
                    : finding.verdict == Verdict::missing ? report::Verdict::unclear
                                                          : report::Verdict::neutral;
  section.badge = badges[static_cast<int>(finding.verdict)];
  section.finding = finding.sentence;
  section.prose = finding.notes;
  if (!finding.trials.empty()) section.tables.push_back(table_of(finding.trials));
  if (!finding.answers.empty()) section.tables.push_back(table_of(finding.answers));
  if (!finding.agreements.empty()) section.tables.push_back(table_of(finding.agreements));
  section.charts = charts_of(finding.trials);
  for (const Answers& answers : finding.answers)
    if (answers.error.empty()) section.groups.push_back(lanes_of(answers));
  section.replay = fmt::format("{} --only {}", command, finding.number);
  return section;
}

}  // namespace

report::Report to_report(std::span<const Finding> findings, std::vector<report::Fact> provenance,
                         const std::string& command) {
  report::Report page;
  page.title = "verbatim lab";
  for (const Finding& finding : findings) page.sections.push_back(section_of(finding, command));
  auto seen = std::ranges::count(findings, Verdict::seen, &Finding::verdict);
  bool broken = std::ranges::count(findings, Verdict::broken, &Finding::verdict) > 0;
  page.verdict = broken ? report::Verdict::differs : report::Verdict::neutral;
  page.headline =
      broken ? "verbatim did not keep its promise: please report it"
             : fmt::format("{} of {} claims were seen to be true on this machine", seen, findings.size());
  page.provenance = std::move(provenance);
  std::vector<int> numbers;
  for (const Finding& finding : findings) numbers.push_back(finding.number);
  page.replay = fmt::format("{} --only {} --html lab.html", command, fmt::join(numbers, ","));
  return page;
}

}  // namespace verbatim::lab
