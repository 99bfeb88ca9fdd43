// CharDfa: a regular set of strings of Unicode characters, as a deterministic automaton: what `pattern`,
// `format` and length limits become before they are spelled as JSON.
//
// Sizes are bounded: what would need more than kMostStates states is refused, and so is what would need more
// steps than the caller has left. `steps` are those left; what is done is taken off.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "constrain/char_set.h"

namespace verbatim {

struct CharDfa {
  struct Edge {
    CharRange range;
    std::uint32_t to = 0;
  };
  struct State {
    bool accepts = false;
    std::vector<Edge> edges;  // disjoint, in order
  };
  std::vector<State> states;  // the first is the start

  static constexpr std::size_t kMostStates = 20'000;

  // The strings that are in both.
  static Result<CharDfa> intersection(const CharDfa& a, const CharDfa& b, std::size_t& steps);
  // Strings of at_least to at_most characters; at_most may be Grammar::kUnbounded.
  static Result<CharDfa> of_length(std::uint32_t at_least, std::uint32_t at_most);
  // These strings, which are well-formed UTF-8.
  static CharDfa of_words(const std::vector<std::string>& words);
  // The strings that are not in it.
  CharDfa complement() const;

  bool accepts(std::string_view text) const;  // which is well-formed UTF-8
  bool empty() const;                         // REQUIRES: every state can be reached

  // How many characters may follow in a state: every number from the least to the most; kUnbounded, 0: none.
  struct Lengths {
    std::uint32_t least = UINT32_MAX, most = 0;
  };
  // Of each state, for strings of at most at_most characters. nullopt: some state has gaps between its lengths,
  // or the steps are used up.
  std::optional<std::vector<Lengths>> lengths(std::uint32_t at_most, std::size_t& steps) const;
  // Of each state, where nobody asks for the lengths.
  static std::vector<Lengths> any_length(const CharDfa& dfa) {
    return std::vector<Lengths>(dfa.states.size(), {0, UINT32_MAX});
  }
};

// A nondeterministic automaton, made state by state.
class CharNfa {
 public:
  static constexpr std::size_t kMostStates = 20'000;

  // When a step that reads nothing may be taken.
  enum class Where : std::uint8_t { anywhere, before_the_text, after_the_text };

  std::uint32_t add();
  void read(std::uint32_t from, const CharSet& chars, std::uint32_t to);
  void skip(std::uint32_t from, std::uint32_t to, Where where = Where::anywhere) {
    states_[from].skips.push_back({where, to});
  }
  std::size_t size() const { return states_.size(); }

  Result<CharDfa> determinise(std::uint32_t start, std::uint32_t accepting, std::size_t& steps) const;

 private:
  struct Skip {
    Where where = Where::anywhere;
    std::uint32_t to = 0;
  };
  struct State {
    std::vector<CharDfa::Edge> edges;
    std::vector<Skip> skips;
  };
  // A set of states, and whether nothing is read yet.
  struct Members {
    bool first = false;
    std::vector<std::uint32_t> states;  // sorted
    friend auto operator<=>(const Members&, const Members&) = default;
  };
  Members closure(Members members, bool at_end = false) const;

  std::vector<State> states_;
};

}  // namespace verbatim
