#include "constrain/char_dfa.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "constrain/grammar.h"

namespace verbatim {
namespace {

// Takes n steps off; false: so many are not left.
bool take(std::size_t n, std::size_t& steps) {
  const bool enough = n <= steps;
  steps -= std::min(n, steps);
  return enough;
}

Error too_large() { return fail("it needs an automaton that is too large"); }

// Numbers the values that stand for states, in the order of their discovery.
template <class Value>
class Numbering {
 public:
  std::uint32_t operator[](const Value& value) {
    auto [it, added] = number_.emplace(value, static_cast<std::uint32_t>(values_.size()));
    if (added) values_.push_back(value);
    return it->second;
  }
  std::size_t size() const { return values_.size(); }
  Value value(std::size_t number) const { return values_[number]; }

 private:
  std::map<Value, std::uint32_t> number_;
  std::vector<Value> values_;
};

}  // namespace

Result<CharDfa> CharDfa::intersection(const CharDfa& a, const CharDfa& b, std::size_t& steps) {
  CharDfa both;
  Numbering<std::pair<std::uint32_t, std::uint32_t>> pairs;
  pairs[{0, 0}];
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto [in_a, in_b] = pairs.value(i);
    const State &left = a.states[in_a], &right = b.states[in_b];
    State state{.accepts = left.accepts && right.accepts, .edges = {}};
    for (auto l = left.edges.begin(), r = right.edges.begin();
         l != left.edges.end() && r != right.edges.end();) {
      const CharRange common{std::max(l->range.first, r->range.first),
                             std::min(l->range.last, r->range.last)};
      if (common.first <= common.last) state.edges.push_back({common, pairs[{l->to, r->to}]});
      (l->range.last < r->range.last ? l : r)++;
      if (!take(1, steps)) return too_large();
    }
    both.states.push_back(std::move(state));
    if (pairs.size() > kMostStates) return too_large();
  }
  return both;
}

Result<CharDfa> CharDfa::of_length(std::uint32_t at_least, std::uint32_t at_most) {
  const bool bounded = at_most != Grammar::kUnbounded;
  const std::uint32_t last = bounded ? at_most : at_least;
  if (last >= kMostStates) return too_large();
  CharDfa dfa;
  for (std::uint32_t length = 0; length <= last; ++length) {
    State state{.accepts = length >= at_least, .edges = {}};
    if (length < last || !bounded) {
      for (CharRange range : CharSet::all().ranges())
        state.edges.push_back({range, std::min(length + 1, last)});
    }
    dfa.states.push_back(std::move(state));
  }
  return dfa;
}

CharDfa CharDfa::of_words(const std::vector<std::string>& words) {
  struct Branch {
    bool word = false;
    std::map<char32_t, std::uint32_t> children;
  };
  std::vector<Branch> tree(1);
  for (const std::string& word : words) {
    std::uint32_t at = 0;
    for (std::size_t i = 0; i < word.size();) {
      const Utf8Char c = read_utf8(word, i);
      auto [it, added] = tree[at].children.emplace(c.code_point, static_cast<std::uint32_t>(tree.size()));
      at = it->second;
      if (added) tree.emplace_back();
      i += c.bytes;
    }
    tree[at].word = true;
  }
  CharDfa dfa;
  for (const Branch& branch : tree) {
    State state{.accepts = branch.word, .edges = {}};
    for (auto [c, child] : branch.children) state.edges.push_back({{c, c}, child});
    dfa.states.push_back(std::move(state));
  }
  return dfa;
}

CharDfa CharDfa::complement() const {
  CharDfa dfa = *this;
  const auto elsewhere = static_cast<std::uint32_t>(states.size());
  dfa.states.emplace_back();
  for (State& state : dfa.states) {
    state.accepts = !state.accepts;
    std::vector<CharRange> read;
    for (const Edge& edge : state.edges) read.push_back(edge.range);
    const CharSet unread = CharSet(std::move(read)).complement();
    for (CharRange range : unread.ranges()) state.edges.push_back({range, elsewhere});
    std::ranges::sort(state.edges, {}, [](const Edge& edge) { return edge.range.first; });
  }
  return dfa;
}

bool CharDfa::accepts(std::string_view text) const {
  std::uint32_t at = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = read_utf8(text, i);
    const auto edge = std::ranges::find_if(states[at].edges, [&](const Edge& e) {
      return e.range.first <= c.code_point && c.code_point <= e.range.last;
    });
    if (edge == states[at].edges.end()) return false;
    at = edge->to;
    i += c.bytes;
  }
  return states[at].accepts;
}

bool CharDfa::empty() const { return std::ranges::none_of(states, &State::accepts); }

// From the accepting states backwards: the states from which n characters lead to an end, for n = 0, 1, ...
std::optional<std::vector<CharDfa::Lengths>> CharDfa::lengths(std::uint32_t at_most,
                                                              std::size_t& steps) const {
  std::vector<std::vector<std::uint32_t>> before(states.size());
  std::vector<std::uint32_t> ending, earlier;
  std::size_t edges = 0;
  for (std::uint32_t i = 0; i < states.size(); ++i) {
    if (states[i].accepts) ending.push_back(i);
    for (const Edge& edge : states[i].edges) before[edge.to].push_back(i);
    edges += states[i].edges.size() + 1;
  }
  std::vector<Lengths> all(states.size());
  for (std::uint32_t n = 0; !ending.empty(); ++n) {
    if (!take(edges, steps)) return std::nullopt;
    for (std::uint32_t state : ending) {
      Lengths& of = all[state];
      if (of.least == UINT32_MAX) of.least = n;
      if (of.least < n && of.most + 1 != n) return std::nullopt;
      of.most = n;
    }
    if (n == at_most) break;
    earlier.clear();
    for (std::uint32_t state : ending)
      earlier.insert(earlier.end(), before[state].begin(), before[state].end());
    std::ranges::sort(earlier);
    earlier.erase(std::unique(earlier.begin(), earlier.end()), earlier.end());
    if (earlier == ending) {  // and so on for ever
      for (std::uint32_t state : ending) all[state].most = Grammar::kUnbounded;
      break;
    }
    ending.swap(earlier);
  }
  return all;
}

std::uint32_t CharNfa::add() {
  states_.emplace_back();
  return static_cast<std::uint32_t>(states_.size() - 1);
}

void CharNfa::read(std::uint32_t from, const CharSet& chars, std::uint32_t to) {
  for (CharRange range : chars.ranges()) states_[from].edges.push_back({range, to});
}

CharNfa::Members CharNfa::closure(Members members, bool at_end) const {
  std::set<std::uint32_t> reached(members.states.begin(), members.states.end());
  while (!members.states.empty()) {
    const std::uint32_t state = members.states.back();
    members.states.pop_back();
    for (const Skip& skip : states_[state].skips) {
      if (skip.where == Where::before_the_text && !members.first) continue;
      if (skip.where == Where::after_the_text && !at_end) continue;
      if (reached.insert(skip.to).second) members.states.push_back(skip.to);
    }
  }
  members.states.assign(reached.begin(), reached.end());
  return members;
}

// The subset construction. The edges of the members of a set are swept from left to right: between two places
// where a range begins or ends, all characters lead to the same members.
Result<CharDfa> CharNfa::determinise(std::uint32_t start, std::uint32_t accepting, std::size_t& steps) const {
  CharDfa dfa;
  Numbering<Members> sets;
  sets[closure({true, {start}})];
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const Members members = sets.value(i);
    CharDfa::State state{.accepts = std::ranges::binary_search(closure(members, true).states, accepting),
                         .edges = {}};
    std::vector<CharDfa::Edge> edges;
    std::set<char32_t> cuts;
    for (std::uint32_t member : members.states) {
      for (const CharDfa::Edge& edge : states_[member].edges) {
        edges.push_back(edge);
        cuts.insert({edge.range.first, edge.range.last + 1});
      }
    }
    for (auto cut = cuts.begin(); cut != cuts.end() && std::next(cut) != cuts.end(); ++cut) {
      Members targets;
      for (const CharDfa::Edge& edge : edges)
        if (edge.range.first <= *cut && *cut <= edge.range.last) targets.states.push_back(edge.to);
      if (!take(edges.size(), steps)) return too_large();
      if (targets.states.empty()) continue;
      targets = closure(std::move(targets));
      if (!take(targets.states.size(), steps)) return too_large();
      const std::uint32_t to = sets[targets];
      const CharRange range{*cut, *std::next(cut) - 1};
      if (!state.edges.empty() && state.edges.back().to == to &&
          state.edges.back().range.last + 1 == range.first) {
        state.edges.back().range.last = range.last;
      } else {
        state.edges.push_back({range, to});
      }
    }
    dfa.states.push_back(std::move(state));
    if (sets.size() > CharDfa::kMostStates) return too_large();
  }
  return dfa;
}

}  // namespace verbatim
