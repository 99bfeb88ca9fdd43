#include "audit/lanes.h"

#include <algorithm>

namespace verbatim::audit {
namespace {

std::string bytes_of(const Token& token) {
  if (!token.bytes) return token.text;
  std::string bytes;
  for (std::int64_t byte : *token.bytes) bytes += static_cast<char>(byte);
  return bytes;
}

report::Token shown(const ScoredToken& token) {
  report::Token made{bytes_of(token), token.id, token.logprob, {}};
  for (const Token& each : token.top) {
    if (each.logprob) made.top.push_back({bytes_of(each), each.id, *each.logprob});
  }
  std::ranges::stable_sort(made.top, std::greater<>(), &report::Candidate::logprob);
  return made;
}

report::Lane lane_of(const ShownRecord& shown_record, bool in_tokens) {
  const Answer& answer = shown_record.record->answer;
  report::Lane lane;
  lane.label = shown_record.label;
  lane.conditions = shown_record.conditions;
  lane.ending = answer.finish_reason;
  if (!in_tokens) {
    lane.tokens = report::split_words(answer.text);
    return lane;
  }
  for (const ScoredToken& token : answer.tokens) lane.tokens.push_back(shown(token));
  return lane;
}

}  // namespace

std::vector<report::Lane> lanes_of(std::span<const ShownRecord> all, bool in_tokens) {
  std::vector<report::Lane> lanes;
  std::vector<const ShownRecord*> firsts;  // of each lane
  for (const ShownRecord& one : all) {
    const Answer& answer = one.record->answer;
    auto alike = [&](const ShownRecord* first) {
      const Answer& other = first->record->answer;
      return first->conditions == one.conditions && other.tokens == answer.tokens &&
             other.text == answer.text && other.finish_reason == answer.finish_reason;
    };
    auto known = std::ranges::find_if(firsts, alike);
    if (known != firsts.end()) {
      ++lanes[static_cast<std::size_t>(known - firsts.begin())].count;
      continue;
    }
    firsts.push_back(&one);
    lanes.push_back(lane_of(one, in_tokens));
  }
  return lanes;
}

}  // namespace verbatim::audit
