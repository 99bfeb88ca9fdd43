#include "constrain/grammar.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace verbatim {
namespace {

using Node = Grammar::Node;
using Kind = Node::Kind;

// Whether some text leads from the node to the end of its rule, as far as is known yet.
bool can_finish(const Node& node, const std::vector<char>& known) {
  auto finishes = [&](NodeId id) { return known[id] != 0; };
  switch (node.kind) {
    case Kind::end:
      return true;
    case Kind::bytes:
      return std::ranges::any_of(node.edges, finishes, &Grammar::Edge::to);
    case Kind::split:
      return std::ranges::any_of(node.choices, finishes);
    case Kind::call:
    case Kind::count:
    case Kind::set:
    case Kind::member:
    case Kind::room:
      return finishes(node.body) && finishes(node.next);
    case Kind::tick:
      return finishes(node.next);
    case Kind::repeat:
      return finishes(node.next) && (node.at_least == 0 || finishes(node.body));
  }
  return false;
}

// What the node looks at in can_finish(), each as often as it stands there.
template <class Visit>
void each_successor(const Node& node, Visit visit) {
  for (const Grammar::Edge& edge : node.edges) visit(edge.to);
  for (NodeId choice : node.choices) visit(choice);
  if (node.kind == Kind::bytes || node.kind == Kind::split || node.kind == Kind::end) return;
  visit(node.next);
  if (node.kind != Kind::tick) visit(node.body);
}

// The least fixed point, in time linear in the grammar: from the end backwards, a node is looked at again when
// one that it leads to is known to finish.
std::vector<char> nodes_that_finish(const std::vector<Node>& nodes) {
  std::vector<std::size_t> begin(nodes.size() + 1, 0);  // of its predecessors in `from`
  for (const Node& node : nodes) each_successor(node, [&](NodeId to) { ++begin[to]; });
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<NodeId> from(begin.back());
  for (NodeId id = 0; id < nodes.size(); ++id)
    each_successor(nodes[id], [&](NodeId to) { from[--begin[to]] = id; });

  std::vector<char> known(nodes.size(), 0);
  std::vector<NodeId> todo = {Grammar::kEnd};
  known[Grammar::kEnd] = 1;
  while (!todo.empty()) {
    const NodeId id = todo.back();
    todo.pop_back();
    for (std::size_t i = begin[id]; i < begin[id + 1]; ++i) {
      if (known[from[i]] != 0 || !can_finish(nodes[from[i]], known)) continue;
      known[from[i]] = 1;
      todo.push_back(from[i]);
    }
  }
  return known;
}

}  // namespace

std::size_t Grammar::bytes() const {
  std::size_t bytes = nodes.size() * sizeof(Node);
  for (const Node& node : nodes)
    bytes += node.edges.size() * sizeof(Edge) + node.choices.size() * sizeof(NodeId);
  return bytes;
}

GrammarBuilder::GrammarBuilder() { add(Kind::end); }

Node& GrammarBuilder::add(Kind kind) {
  nodes_.emplace_back().kind = kind;
  return nodes_.back();
}

void GrammarBuilder::add_edge(NodeId from, Grammar::Edge edge) {
  nodes_[from].edges.push_back(edge);
  ++edges_;
}

NodeId GrammarBuilder::bytes(std::vector<Grammar::Edge> edges) {
  edges_ += edges.size();
  add(Kind::bytes).edges = std::move(edges);
  return last();
}

NodeId GrammarBuilder::range(char first, char last, NodeId next) {
  return bytes({{static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(last), next}});
}

NodeId GrammarBuilder::literal(std::string_view text, NodeId next) {
  for (std::size_t i = text.size(); i-- > 0;) next = byte(text[i], next);
  return next;
}

NodeId GrammarBuilder::split(std::vector<NodeId> choices) {
  add(Kind::split).choices = std::move(choices);
  return last();
}

NodeId GrammarBuilder::around(Kind kind, NodeId body, NodeId next) {
  Node& node = add(kind);
  node.body = body, node.next = next;
  return last();
}

NodeId GrammarBuilder::call(NodeId body, NodeId next) { return around(Kind::call, body, next); }
NodeId GrammarBuilder::set(NodeId body, NodeId next) { return around(Kind::set, body, next); }
NodeId GrammarBuilder::member(NodeId body, NodeId next) { return around(Kind::member, body, next); }
NodeId GrammarBuilder::room(NodeId body, NodeId next) { return around(Kind::room, body, next); }

NodeId GrammarBuilder::nested(NodeId body) {
  Node& node = add(Kind::call);
  node.body = body, node.next = Grammar::kEnd, node.nests = true;
  return last();
}

NodeId GrammarBuilder::repeat(NodeId body, std::uint32_t at_least, std::uint32_t at_most, NodeId next) {
  CHECK(at_least <= at_most, "a repetition of {} to {} times", at_least, at_most);
  Node& node = add(Kind::repeat);
  node.body = body, node.next = next, node.at_least = at_least, node.at_most = at_most;
  return last();
}

NodeId GrammarBuilder::count(NodeId body, std::uint32_t at_least, std::uint32_t at_most, NodeId next) {
  Node& node = add(Kind::count);
  node.body = body, node.next = next, node.at_least = at_least, node.at_most = at_most;
  return last();
}

NodeId GrammarBuilder::tick(std::uint32_t step, std::uint32_t at_least, std::uint32_t at_most, NodeId next) {
  Node& node = add(Kind::tick);
  node.step = step, node.at_least = at_least, node.at_most = at_most, node.next = next;
  return last();
}

void GrammarBuilder::define(NodeId reserved, NodeId first) {
  Node& node = nodes_[reserved];
  CHECK(node.kind == Kind::split && node.choices.empty(), "node {} is defined twice", reserved);
  node.choices = {first};
}

bool GrammarBuilder::finish(NodeId start, NodeId any_character, Grammar& grammar) && {
  const std::vector<char> finishes = nodes_that_finish(nodes_);
  auto is_dead = [&](NodeId id) { return finishes[id] == 0; };
  for (Node& node : nodes_) {
    std::erase_if(node.edges, [&](const Grammar::Edge& edge) { return is_dead(edge.to); });
    std::erase_if(node.choices, is_dead);
    if (node.kind == Kind::repeat && is_dead(node.body)) node.at_most = 0;
  }
  if (is_dead(start)) return false;
  grammar = {.nodes = std::move(nodes_), .start = start, .any_character = any_character};
  return true;
}

}  // namespace verbatim
