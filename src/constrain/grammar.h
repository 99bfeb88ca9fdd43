// Grammar: which texts are allowed, byte by byte: a recursive transition network.
//
// A node reads a byte, chooses, calls a rule, repeats a rule, or ends one. A rule is named by its first node
// and ends at kEnd. Fragments are built from their end: every function that makes one takes the node that
// follows it and gives the node that begins it.
//
// Counted repetition is a node of its own, so that {0, 100000} costs one node, and the count lives in the
// state (configurations.h). Where what is counted is not one rule again and again, a rule is counted: it is
// read once, and passes ticks. A set rule remembers the texts of its members, which all differ. A rule reads a byte before it calls itself, and does so by a call that nests; a
// repeated rule is never empty: the makers of grammars see to it.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace verbatim {

using NodeId = std::uint32_t;

struct Grammar {
  struct Edge {
    std::uint8_t first = 0, last = 0;  // a range of bytes, both ends included
    NodeId to = 0;
  };
  struct Node {
    enum class Kind : std::uint8_t { bytes, split, call, repeat, count, tick, set, member, room, end };
    Kind kind = Kind::bytes;
    std::vector<Edge> edges;                  // bytes: ranges may overlap
    std::vector<NodeId> choices;              // split
    NodeId body = 0, next = 0;                // the rule, and what follows it; tick: next
    std::uint32_t at_least = 0, at_most = 0;  // repeat, count; tick: of those that may follow it
    std::uint32_t step = 0;                   // tick
    bool nests = false;  // call: of an array or object, which counts as a level of nesting
  };

  static constexpr NodeId kEnd = 0;  // of every rule
  static constexpr std::uint32_t kUnbounded = std::numeric_limits<std::uint32_t>::max();

  std::size_t bytes() const;  // of memory, about

  std::vector<Node> nodes;
  NodeId start = kEnd;
  // The rule for one character of a JSON string that may hold any text; kEnd: the grammar has none.
  NodeId any_character = kEnd;
};

class GrammarBuilder {
 public:
  GrammarBuilder();

  std::size_t size() const { return nodes_.size() + edges_; }  // what it costs in memory, in parts
  const std::vector<Grammar::Node>& nodes() const { return nodes_; }

  NodeId bytes(std::vector<Grammar::Edge> edges);
  NodeId byte(char c, NodeId next) { return range(c, c, next); }
  NodeId range(char first, char last, NodeId next);
  NodeId literal(std::string_view text, NodeId next);
  NodeId split(std::vector<NodeId> choices);
  NodeId optional(NodeId fragment, NodeId next) { return split({fragment, next}); }
  NodeId call(NodeId body, NodeId next);
  NodeId nested(NodeId body);  // a call that nests, at the end of a rule
  // REQUIRES: at_least <= at_most; body reads at least one byte
  NodeId repeat(NodeId body, std::uint32_t at_least, std::uint32_t at_most, NodeId next);

  // Reads the rule, which passes ticks of at_least to at_most in all.
  NodeId count(NodeId body, std::uint32_t at_least, std::uint32_t at_most, NodeId next);
  // Counts `step` (0 or 1) in the innermost counted rule, in the rule itself and not in one that it calls. The
  // text goes on here only where the rule can end within its limits, if at_least to at_most may be counted
  // from here to its end, and any number between.
  NodeId tick(std::uint32_t step, std::uint32_t at_least, std::uint32_t at_most, NodeId next);

  // Reads the rule, and remembers the texts of the members in it, but not of those in sets inside it.
  NodeId set(NodeId body, NodeId next);
  // Reads the rule, whose text is none of those that the set remembers.  REQUIRES: the rule holds no set
  NodeId member(NodeId body, NodeId next);
  // Goes on where such a text is left, and memory for it.
  NodeId room(NodeId body, NodeId next);

  // A node that is defined later, so that rules can be recursive. Undefined, it admits nothing.
  NodeId reserve() { return split({}); }
  void define(NodeId reserved, NodeId first);

  void add_edge(NodeId from, Grammar::Edge edge);  // REQUIRES: `from` was made by bytes()

  // Takes away every edge and choice from which no text comes to an end, so that whoever stands in the
  // grammar can always finish. False: no text does.
  bool finish(NodeId start, NodeId any_character, Grammar& grammar) &&;

 private:
  Grammar::Node& add(Grammar::Node::Kind kind);
  NodeId around(Grammar::Node::Kind kind, NodeId body, NodeId next);
  NodeId last() const { return static_cast<NodeId>(nodes_.size() - 1); }

  std::vector<Grammar::Node> nodes_;
  std::size_t edges_ = 0;
};

}  // namespace verbatim
