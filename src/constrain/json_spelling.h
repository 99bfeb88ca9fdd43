// How JSON spells strings, constants and white space, as fragments of a grammar.
//
// Free strings may spell their characters in every way that JSON has. Strings that must be in a CharDfa, and
// the names of properties, have one way: characters stand for themselves, `"`, `\` and control characters are
// written with their two-character escape, and \u00hh where there is none; but what follows a place from which
// anything is in the CharDfa is free.
#pragma once

#include <compare>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "constrain/char_dfa.h"
#include "constrain/grammar.h"

namespace verbatim {

class JsonSpelling {
 public:
  explicit JsonSpelling(GrammarBuilder& grammar);

  // The rule for one character of a free string.
  NodeId any_character() const { return any_character_; }

  // Nothing, one space, or one or two line ends and at most 20 spaces or tabs: llama.cpp's rule. Enough to
  // indent, not enough to loop in.
  NodeId space(NodeId next) { return grammar_.call(space_, next); }

  NodeId free_string(std::uint32_t at_least, std::uint32_t at_most, NodeId next);
  NodeId string_in(const CharDfa& characters, NodeId next);
  // Those of at_least to at_most characters, which are counted. lengths: of each state
  NodeId string_in(const CharDfa& characters, const std::vector<CharDfa::Lengths>& lengths,
                   std::uint32_t at_least, std::uint32_t at_most, NodeId next);
  // The text of a scalar.
  static std::string scalar(const nlohmann::ordered_json& value);
  // A text, and what follows it.
  struct Beginning {
    std::string text;
    NodeId next;
    friend auto operator<=>(const Beginning&, const Beginning&) = default;
  };
  // Any of these; what they have in common at their start is read once.  REQUIRES: not empty
  NodeId one_of(std::vector<Beginning> beginnings);
  // The value, its members in its order, with space where JSON has it.
  NodeId constant(const nlohmann::ordered_json& value, NodeId next);

 private:
  class PlainEdges;

  NodeId free_rest(std::uint32_t at_least, std::uint32_t at_most, NodeId next);
  NodeId make_any_character();
  NodeId make_space();
  // A bytes node and where its characters lead: `targets`, by the number of the state.
  void read_character(NodeId node, const CharDfa::State& state, const std::vector<NodeId>& targets,
                      PlainEdges& plain);
  std::vector<Grammar::Edge> escapes_of(const CharDfa::State& state, const std::vector<NodeId>& targets);
  NodeId one_of(std::span<const Beginning> sorted, std::size_t depth);

  GrammarBuilder& grammar_;
  NodeId any_character_ = 0, space_ = 0;
};

}  // namespace verbatim
