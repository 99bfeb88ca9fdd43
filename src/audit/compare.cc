#include "audit/compare.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "audit/text_report.h"

namespace verbatim::audit {
namespace {

constexpr std::size_t kShownDifferences = 8;

using Key = std::pair<client::Endpoint, Request>;
struct Answers {
  std::array<std::vector<const Record*>, 2> of;  // A's, B's
  std::array<bool, 2> asked{};
};

void collect(const Results& results, std::size_t side, std::map<Key, Answers>& requests) {
  for (const Record& record : results.records) {
    Answers& answers = requests[{results.header.dialect.endpoint, record.request}];
    answers.asked[side] = true;
    if (record.good()) answers.of[side].push_back(&record);
  }
}

// Whether a class of equal answers has members on one side alone.
bool one_sided(const DistinctAnswer& distinct, std::size_t of_a) {
  bool any_a = distinct.members.front() < of_a, any_b = distinct.members.back() >= of_a;
  return any_a != any_b;
}

RequestDifference compare_answers(const Request& request, const Answers& answers) {
  RequestDifference found;
  found.request = request;
  std::vector<const Answer*> all;
  for (const auto& side : answers.of) {
    for (const Record* record : side) all.push_back(&record->answer), found.records.push_back(record);
  }
  found.probe = answers.of[0].front()->probe;
  found.of_a = static_cast<std::int64_t>(answers.of[0].size());
  found.of_b = static_cast<std::int64_t>(answers.of[1].size());
  found.first_a = answers.of[0].front()->index;
  found.first_b = answers.of[1].front()->index;
  found.in_tokens = tokens_known(all);
  found.distinct = distinct_answers(all);
  for (const PlaceDrift& place : drift_of(*all[found.distinct.front().members.front()], all)) {
    found.largest_drift = std::max(found.largest_drift, place.largest);
  }
  found.across = std::ranges::any_of(
      found.distinct, [&](const DistinctAnswer& each) { return one_sided(each, answers.of[0].size()); });
  return found;
}

std::string difference_text(const RequestDifference& difference) {
  std::string text = fmt::format("\n{} {}, temperature {}, max_tokens {}\n",
                                 difference.probe ? "probe" : "request", quoted(difference.request.prompt),
                                 difference.request.temperature, difference.request.max_tokens);
  text += fmt::format("  {}; first: record {} of A, {} of B\n", counts_text(difference), difference.first_a,
                      difference.first_b);
  for (const DistinctAnswer& each : difference.distinct) {
    auto of_a = std::ranges::count_if(
        each.members, [&](std::size_t i) { return i < static_cast<std::size_t>(difference.of_a); });
    text += fmt::format(
        "  {} of A, {} of B{}{}\n", of_a, static_cast<std::int64_t>(each.members.size()) - of_a,
        each.parting ? ": " + parting_text(*each.parting) : "",
        each.bit_patterns > 1 ? fmt::format("; {} different sets of log-probabilities", each.bit_patterns)
                              : "");
  }
  if (difference.largest_drift > 0) text += fmt::format("  largest drift {:.3g}\n", difference.largest_drift);
  return text;
}

}  // namespace

std::string counts_text(const RequestDifference& difference) {
  const char* which = difference.distinct.size() == 1 ? ", with different log-probabilities"
                      : difference.across             ? ""
                                                      : ": the same ones on both sides";
  return fmt::format("{} answers of A, {} of B, {} distinct by {}{}", difference.of_a, difference.of_b,
                     difference.distinct.size(), difference.in_tokens ? "tokens" : "text", which);
}

Comparison compare(const Results& a, const Results& b) {
  std::map<Key, Answers> requests;
  collect(a, 0, requests);
  collect(b, 1, requests);
  Comparison comparison;
  for (const auto& [key, answers] : requests) {
    if (answers.of[0].empty() || answers.of[1].empty()) {
      ++(!answers.asked[0]   ? comparison.only_b
         : !answers.asked[1] ? comparison.only_a
                             : comparison.unanswered);
      continue;
    }
    ++comparison.common;
    comparison.logprobs |=
        std::ranges::all_of(answers.of, [](const auto& side) { return side.front()->answer.has_logprobs(); });
    RequestDifference found = compare_answers(key.second, answers);
    bool different = found.distinct.size() > 1, drifts = found.distinct.front().bit_patterns > 1;
    ++(different ? comparison.different : drifts ? comparison.same_tokens : comparison.same_bits);
    if (different || drifts) comparison.differences.push_back(std::move(found));
  }
  std::ranges::stable_sort(comparison.differences, std::greater<>(), [](const RequestDifference& each) {
    return std::pair(each.distinct.size() > 1, each.probe);
  });
  return comparison;
}

Judgement judge(const Comparison& comparison, const Rules& rules) {
  if (comparison.common == 0) {
    return {Verdict::unknown,
            {"no request is answered in both: audit both with the same prompt, flags and endpoint"}};
  }
  if (comparison.different > 0) {
    return {
        Verdict::different,
        {fmt::format("{} of {} requests have different answers", comparison.different, comparison.common)}};
  }
  if (comparison.same_tokens > 0 && rules.require_bits) {
    return {Verdict::different,
            {fmt::format("{} of {} requests have one answer with different log-probabilities",
                         comparison.same_tokens, comparison.common)}};
  }
  const std::int64_t asked = comparison.common + comparison.unanswered;
  if (static_cast<double>(comparison.common) < kLeastGood * static_cast<double>(asked)) {
    return {Verdict::unknown,
            {fmt::format("only {} of {} requests that both were asked are answered in both",
                         comparison.common, asked)}};
  }
  return {Verdict::deterministic,
          {fmt::format("{} requests, one answer to each{}", comparison.common,
                       comparison.logprobs ? "" : " (log-probabilities are not known)")}};
}

std::string to_text(const Comparison& comparison, const Judgement& judgement, const Results& a,
                    const Results& b) {
  std::string text;
  for (auto [name, results] : {std::pair("A", &a), std::pair("B", &b)}) {
    text += fmt::format("{}  {}, model {}, {} records\n", name, results->header.url,
                        results->header.dialect.model, results->records.size());
  }
  text += fmt::format(
      "\nrequests in both             {:>7}\n  the same to the last bit   {:>7}\n  other log-probabilities   "
      " {:>7}\n"
      "  different answers          {:>7}\nonly in A {}, only in B {}, asked in both and not answered in one "
      "{}\n",
      comparison.common, comparison.same_bits, comparison.same_tokens, comparison.different,
      comparison.only_a, comparison.only_b, comparison.unanswered);
  for (std::size_t i = 0; i < std::min(kShownDifferences, comparison.differences.size()); ++i) {
    text += difference_text(comparison.differences[i]);
  }
  if (comparison.differences.size() > kShownDifferences) {
    text += fmt::format("\nand {} others\n", comparison.differences.size() - kShownDifferences);
  }
  constexpr const char* kTitles[] = {"THE SAME", "DIFFERENT", "COULD NOT TELL"};
  return text +
         fmt::format("\n{}\n  {}\n", kTitles[static_cast<int>(judgement.verdict)], judgement.reasons.front());
}

}  // namespace verbatim::audit
