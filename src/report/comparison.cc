#include "report/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "base/sha256.h"

namespace verbatim::report {
namespace {

constexpr double kNoData = std::numeric_limits<double>::quiet_NaN();

bool ids_everywhere(const std::vector<Lane>& lanes) {
  return std::ranges::all_of(lanes, [](const Lane& lane) {
    return std::ranges::all_of(lane.tokens, [](const Token& token) { return token.id.has_value(); });
  });
}

// Every bit of a lane's log-probabilities, with the candidates that carry them.
Sha256Digest pattern_of(const Lane& lane) {
  Sha256 hash;
  auto add = [&](double logprob) {
    logprob += 0.0;  // -0 becomes 0
    hash.update(&logprob, sizeof logprob);
  };
  for (const Token& token : lane.tokens) {
    hash.update(token.logprob ? "+" : "-");
    if (token.logprob) add(*token.logprob);
    for (const Candidate& candidate : token.top) {
      hash.update(fmt::format("{}:", candidate.bytes.size()));
      hash.update(candidate.bytes);
      add(candidate.logprob);
    }
    hash.update(";");
  }
  return hash.digest();
}

double difference(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  double apart = std::abs(a - b);
  return std::isnan(apart) ? std::numeric_limits<double>::infinity() : apart;
}

// The same token of two lists: by id where both have one.
bool same(const auto& x, const auto& y) { return x.id && y.id ? x.id == y.id : x.bytes == y.bytes; }

// One position of two lanes: the largest difference over the tokens that both list.
double drift_at(const Token& a, const Token& b) {
  double largest = kNoData;
  auto meet = [&](double x, double y) { largest = std::fmax(largest, difference(x, y)); };
  if (a.logprob && b.logprob && same(a, b)) meet(*a.logprob, *b.logprob);
  for (std::size_t i = 0; i < a.top.size(); ++i) {
    if (i < b.top.size() && same(a.top[i], b.top[i])) {  // the usual case: the same order
      meet(a.top[i].logprob, b.top[i].logprob);
      continue;
    }
    auto other = std::ranges::find_if(b.top, [&](const Candidate& c) { return same(a.top[i], c); });
    if (other != b.top.end()) meet(a.top[i].logprob, other->logprob);
  }
  return largest;
}

double margin_of(const Token& token) {
  if (token.top.size() < 2) return kNoData;
  std::vector<double> logprobs;
  for (const Candidate& candidate : token.top) logprobs.push_back(candidate.logprob);
  std::ranges::partial_sort(logprobs, logprobs.begin() + 2, std::ranges::greater{});
  return logprobs[0] - logprobs[1];
}

std::vector<std::vector<Fact>> conditions_of(const std::vector<Lane>& lanes) {
  std::set<std::vector<Fact>> all;
  for (const Lane& lane : lanes) all.insert(lane.conditions);
  return {all.begin(), all.end()};
}

void add_drift(const Lane& reference, const Lane& lane, std::size_t agrees, std::vector<double>& largest) {
  std::size_t shared = std::min({agrees + 1, lane.tokens.size(), reference.tokens.size()});
  if (largest.size() < shared) largest.resize(shared, kNoData);
  for (std::size_t i = 0; i < shared; ++i) {
    largest[i] = std::fmax(largest[i], drift_at(reference.tokens[i], lane.tokens[i]));
  }
}

}  // namespace

Comparison compare(const LaneGroup& group) {
  Comparison found;
  if (group.lanes.empty()) return found;
  found.conditions = conditions_of(group.lanes);
  found.drift.resize(found.conditions.size());
  bool with_ids = ids_everywhere(group.lanes);

  Numbering<std::pair<std::vector<std::size_t>, std::string>> sequences;
  std::vector<Numbering<Sha256Digest>> patterns;                       // of each answer
  std::set<std::tuple<std::size_t, std::size_t, std::size_t>> walked;  // equal bits need one walk a condition
  for (std::size_t at = 0; at < group.lanes.size(); ++at) {
    const Lane& lane = group.lanes[at];
    CHECK(lane.count > 0, "lane {} stands for {} answers", at, lane.count);
    std::vector<std::size_t> tokens;
    tokens.reserve(lane.tokens.size());
    for (const Token& token : lane.tokens) {
      tokens.push_back(found.names({token.bytes, with_ids ? token.id : std::nullopt}));
    }
    std::size_t number = sequences({tokens, lane.ending});
    if (number == found.answers.size()) {
      const auto& reference = found.answers.empty() ? tokens : found.answers[0].tokens;
      auto parts = std::ranges::mismatch(tokens, reference).in1;
      auto agrees = static_cast<std::size_t>(parts - tokens.begin());
      if (number > 0) found.first_divergence = std::min(found.first_divergence.value_or(agrees), agrees);
      found.answers.push_back(
          {.lane = at, .tokens = std::move(tokens), .agrees = agrees, .count = 0, .shares = {}});
      patterns.emplace_back();
    }
    Answer& answer = found.answers[number];
    auto same = std::ranges::find(found.conditions, lane.conditions);
    auto condition = static_cast<std::size_t>(same - found.conditions.begin());
    std::size_t pattern = patterns[number](pattern_of(lane));
    answer.count += lane.count;
    answer.shares[condition].count += lane.count;
    answer.shares[condition].patterns.insert(pattern);
    found.count += lane.count;
    bool alone = at == 0 && lane.count == 1;  // nothing to compare the reference with but itself
    if (!alone && walked.emplace(number, pattern, condition).second) {
      add_drift(group.lanes[0], lane, answer.agrees, found.drift[condition]);
    }
  }
  std::ranges::stable_sort(found.answers.begin() + 1, found.answers.end(), std::ranges::less{},
                           [](const Answer& answer) { return std::pair(-answer.count, answer.agrees); });
  for (const Token& token : group.lanes[0].tokens) found.margin.push_back(margin_of(token));
  return found;
}

}  // namespace verbatim::report
