#include "audit/diff_report.h"

#include "audit/lanes.h"
#include "audit/text_report.h"

namespace verbatim::audit {
namespace {

constexpr std::size_t kSections = 40;

report::Section section_of(const RequestDifference& difference) {
  report::Section section;
  section.heading = fmt::format("{}, temperature {}, max_tokens {}", quoted(difference.request.prompt),
                                difference.request.temperature, difference.request.max_tokens);
  section.verdict = report::Verdict::differs;
  section.finding = counts_text(difference);
  std::vector<ShownRecord> shown;
  for (const DistinctAnswer& distinct : difference.distinct) {
    for (std::size_t member : distinct.members) {
      const char* side = static_cast<std::int64_t>(member) < difference.of_a ? "A" : "B";
      const Record* record = difference.records[member];
      shown.push_back({record, fmt::format("{}, record {}", side, record->index), {{"file", side}}});
    }
  }
  report::LaneGroup group;
  group.title = "Answers";
  group.prompt = difference.request.prompt;
  group.unit = difference.in_tokens ? "token" : "word";
  group.lanes = lanes_of(shown, difference.in_tokens);
  section.groups = {std::move(group)};
  return section;
}

}  // namespace

report::Report to_report(const Comparison& comparison, const Judgement& judgement, const ResultsOf& a,
                         const ResultsOf& b) {
  constexpr report::Verdict kVerdicts[] = {report::Verdict::deterministic, report::Verdict::differs,
                                           report::Verdict::unclear};
  constexpr const char* kWords[] = {"The same", "Different", "Could not tell"};
  auto count = [](std::int64_t requests) { return fmt::format("{}", requests); };
  report::Report page;
  page.title = fmt::format("{} and {}", a.path, b.path);
  page.verdict = kVerdicts[static_cast<int>(judgement.verdict)];
  page.word = kWords[static_cast<int>(judgement.verdict)];
  page.headline = judgement.reasons.front();
  page.facts = {{"requests in both", count(comparison.common)},
                {"the same to the last bit", count(comparison.same_bits)},
                {"other log-probabilities", count(comparison.same_tokens)},
                {"different answers", count(comparison.different)},
                {"only in A", count(comparison.only_a)},
                {"only in B", count(comparison.only_b)},
                {"not answered in one", count(comparison.unanswered)}};
  const auto& differences = comparison.differences;
  for (std::size_t i = 0; i < std::min(kSections, differences.size()); ++i)
    page.sections.push_back(section_of(differences[i]));
  if (differences.size() > kSections) {
    report::Section& rest = page.sections.emplace_back();
    rest.heading = fmt::format("{} other requests", differences.size() - kSections);
    rest.finding = "They differ too, and are too many for this page.";
  }
  page.replay =
      fmt::format("verbatim diff {} {}", report::shell_quoted(a.path), report::shell_quoted(b.path));
  for (auto [name, side] : {std::pair("A", &a), std::pair("B", &b)}) {
    const Header& header = side->results.header;
    page.provenance.push_back({name, fmt::format("{}: {}, model {}, {} records", side->path, header.url,
                                                 header.dialect.model, side->results.records.size())});
  }
  page.raw_data = fmt::format("{} and {}", a.path, b.path);
  return page;
}

}  // namespace verbatim::audit
