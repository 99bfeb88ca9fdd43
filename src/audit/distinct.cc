#include "audit/distinct.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace verbatim::audit {
namespace {

constexpr std::size_t kShownBytes = 24;  // of a text that parts

bool same_tokens(const Answer& a, const Answer& b) {
  auto same = [](const Token& x, const Token& y) { return x.same_token(y); };
  return a.finish_reason == b.finish_reason && std::ranges::equal(a.tokens, b.tokens, same);
}

bool same_text(const Answer& a, const Answer& b) {
  return a.finish_reason == b.finish_reason && a.text == b.text;
}

// A list of tokens need not be whole, nor their texts be the text's.
bool same_tokens_and_text(const Answer& a, const Answer& b) { return same_tokens(a, b) && a.text == b.text; }

// Both are one answer: do they tell the same numbers?
bool same_bits(const Answer& a, const Answer& b) { return a.tokens == b.tokens; }

// The number of classes of `members` that `same` makes.
template <class Same>
std::int64_t count_distinct(std::span<const Answer* const> answers, const std::vector<std::size_t>& members,
                            Same same) {
  std::vector<std::size_t> firsts;
  for (std::size_t i : members) {
    auto known = [&](std::size_t first) { return same(*answers[first], *answers[i]); };
    if (std::ranges::none_of(firsts, known)) firsts.push_back(i);
  }
  return static_cast<std::int64_t>(firsts.size());
}

std::optional<double> logprob_in(const ScoredToken& place, const Token& token) {
  if (place.same_token(token)) return place.logprob;
  auto found = std::ranges::find_if(place.top, [&](const Token& each) { return each.same_token(token); });
  return found == place.top.end() ? std::nullopt : found->logprob;
}

std::optional<double> margin_of(const ScoredToken& place) {
  std::vector<double> logprobs;
  for (const Token& each : place.top) {
    if (each.logprob) logprobs.push_back(*each.logprob);
  }
  if (logprobs.size() < 2) return std::nullopt;
  std::ranges::sort(logprobs, std::greater<>());
  return logprobs[0] - logprobs[1];
}

// The text from a byte on, from the beginning of its character, shortened to whole characters.
std::string excerpt(const std::string& text, std::size_t at) {
  auto inside = [&](std::size_t i) {
    return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
  };
  std::size_t begin = std::min(at, text.size());
  while (begin > 0 && inside(begin)) --begin;
  std::size_t end = std::min(text.size(), begin + kShownBytes);
  while (end > begin && inside(end)) --end;
  return text.substr(begin, end - begin);
}

// Adds what a place of another answer says to the drift of the reference's.
void compare(const ScoredToken& reference, const ScoredToken& other, PlaceDrift& drift) {
  auto differ = [&](std::optional<double> a, std::optional<double> b) {
    if (a && b) drift.largest = std::max(drift.largest, std::abs(*a - *b));
  };
  drift.same_bits = drift.same_bits && reference == other;
  differ(reference.logprob, other.logprob);
  for (const Token& each : other.top) differ(logprob_in(reference, each), each.logprob);
}

}  // namespace

std::optional<double> Parting::margin() const {
  if (!common_logprob || !other_logprob) return std::nullopt;
  return *common_logprob - *other_logprob;
}

bool tokens_known(std::span<const Answer* const> answers) {
  return std::ranges::all_of(answers, [](const Answer* each) { return !each->tokens.empty(); });
}

std::vector<DistinctAnswer> distinct_answers(std::span<const Answer* const> answers) {
  bool in_tokens = tokens_known(answers);
  auto same = in_tokens ? same_tokens_and_text : same_text;
  std::vector<DistinctAnswer> found;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto equal = [&](const DistinctAnswer& each) {
      return same(*answers[each.members.front()], *answers[i]);
    };
    auto place = std::ranges::find_if(found, equal);
    if (place == found.end()) place = found.insert(found.end(), DistinctAnswer());
    place->members.push_back(i);
  }
  std::ranges::stable_sort(found, std::greater<>(),
                           [](const DistinctAnswer& each) { return each.members.size(); });
  for (DistinctAnswer& each : found) {
    each.bit_patterns = count_distinct(answers, each.members, same_bits);
    if (&each == &found.front()) continue;
    each.parting =
        parting_of(*answers[found.front().members.front()], *answers[each.members.front()], in_tokens);
  }
  return found;
}

Parting parting_of(const Answer& common, const Answer& other, bool in_tokens) {
  Parting parting;
  parting.in_tokens = in_tokens && !same_tokens(common, other);
  if (!parting.in_tokens) {
    auto [a, b] = std::ranges::mismatch(common.text, other.text);
    parting.at = static_cast<std::size_t>(a - common.text.begin());
    parting.common = excerpt(common.text, parting.at);
    parting.other = excerpt(other.text, parting.at);
    return parting;
  }
  auto same = [](const Token& x, const Token& y) { return x.same_token(y); };
  auto [a, b] = std::ranges::mismatch(common.tokens, other.tokens, same);
  parting.at = static_cast<std::size_t>(a - common.tokens.begin());
  if (a != common.tokens.end()) {
    parting.common = a->text;
    parting.common_logprob = a->logprob;
    if (b != other.tokens.end()) parting.other_logprob = logprob_in(*a, *b);
  }
  if (b != other.tokens.end()) {
    parting.other = b->text;
    parting.own_logprob = b->logprob;
  }
  return parting;
}

std::vector<PlaceDrift> drift_of(const Answer& reference, std::span<const Answer* const> answers) {
  if (!reference.has_logprobs()) return {};
  std::vector<PlaceDrift> places(reference.tokens.size());
  std::vector<std::set<std::optional<double>>> numbers(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i].margin = margin_of(reference.tokens[i]);
  for (const Answer* answer : answers) {
    std::size_t shared = std::min(places.size(), answer->tokens.size());
    for (std::size_t i = 0; i < shared && reference.tokens[i].same_token(answer->tokens[i]); ++i) {
      ++places[i].compared;
      numbers[i].insert(answer->tokens[i].logprob);
      compare(reference.tokens[i], answer->tokens[i], places[i]);
    }
  }
  for (std::size_t i = 0; i < places.size(); ++i)
    places[i].distinct = static_cast<std::int64_t>(numbers[i].size());
  return places;
}

}  // namespace verbatim::audit
