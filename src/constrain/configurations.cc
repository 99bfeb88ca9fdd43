#include "constrain/configurations.h"

#include <algorithm>
#include <set>
#include <span>

namespace verbatim {
namespace {

using Words = std::vector<std::uint32_t>;
using Kind = Grammar::Node::Kind;

// One configuration in a row of words.
struct View {
  NodeId node = 0;
  std::span<const std::uint32_t> frames;  // two words each
};

template <class Visit>
void each(const Configurations& all, Visit visit) {
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t words = 2 * all[at + 1];
    visit(View{all[at], std::span(all).subspan(at + 2, words)});
    at += 2 + words;
  }
}

Words words_of(NodeId node, std::span<const std::uint32_t> frames) {
  Words words = {node, static_cast<std::uint32_t>(frames.size() / 2)};
  words.insert(words.end(), frames.begin(), frames.end());
  return words;
}

// Follows calls, choices and ends until only nodes that read a byte, and the end of the text, are left.
class Closure {
 public:
  explicit Closure(const std::vector<Grammar::Node>& nodes) : nodes_(nodes) {}

  // Arrives at a node with `count` repetitions of it done; only a repeat node looks at them.
  void arrive(NodeId node, std::uint32_t count, std::span<const std::uint32_t> frames) {
    if (!visited_.insert(visit_key(node, count, frames)).second) return;
    pending_.push_back({node, count, Words(frames.begin(), frames.end())});
  }

  Configurations finish() {
    while (!pending_.empty() && !too_many_) {
      const Arrival a = std::move(pending_.back());
      pending_.pop_back();
      step(a);
    }
    Configurations all;
    if (too_many_) return all;
    for (const Words& words : settled_) all.insert(all.end(), words.begin(), words.end());
    return all;
  }

 private:
  struct Arrival {
    NodeId node;
    std::uint32_t count;
    Words frames;
  };

  Words visit_key(NodeId node, std::uint32_t count, std::span<const std::uint32_t> frames) const {
    Words key = words_of(node, frames);
    key.push_back(nodes_[node].kind == Kind::repeat ? count : 0);
    return key;
  }

  void step(const Arrival& a) {
    const Grammar::Node& node = nodes_[a.node];
    switch (node.kind) {
      case Kind::bytes:
        settle(a);
        break;
      case Kind::split:
        for (NodeId choice : node.choices) arrive(choice, 0, a.frames);
        break;
      case Kind::call:
        if (node.nests && a.frames.size() / 2 >= kMostNesting) break;
        enter(node.body, node.next, 0, a.frames);
        break;
      case Kind::repeat:
        if (a.count >= node.at_least) arrive(node.next, 0, a.frames);
        if (a.count < node.at_most) enter(node.body, a.node, counted(node, a.count), a.frames);
        break;
      case Kind::end:
        if (a.frames.empty()) {
          settle(a);
        } else {
          const std::size_t outer = a.frames.size() - 2;
          arrive(a.frames[outer], a.frames[outer + 1], std::span(a.frames).first(outer));
        }
        break;
    }
  }

  // Repetitions done after one more. Without an upper limit those beyond the lower one make no difference.
  static std::uint32_t counted(const Grammar::Node& repeat, std::uint32_t count) {
    return repeat.at_most == Grammar::kUnbounded ? std::min(count + 1, repeat.at_least) : count + 1;
  }

  void enter(NodeId body, NodeId back, std::uint32_t count, const Words& frames) {
    if (back == Grammar::kEnd) return arrive(body, 0, frames);  // a tail call needs no frame
    Words deeper = frames;
    deeper.push_back(back);
    deeper.push_back(count);
    arrive(body, 0, deeper);
  }

  void settle(const Arrival& a) {
    if (settled_.size() == kMostConfigurations) too_many_ = true;
    settled_.insert(words_of(a.node, a.frames));
  }

  const std::vector<Grammar::Node>& nodes_;
  std::set<Words> visited_, settled_;
  std::vector<Arrival> pending_;
  bool too_many_ = false;
};

}  // namespace

Configurations start_of(const std::vector<Grammar::Node>& nodes, NodeId start) {
  Closure closure(nodes);
  closure.arrive(start, 0, {});
  return closure.finish();
}

Configurations after(const std::vector<Grammar::Node>& nodes, const Configurations& from, std::uint8_t byte) {
  Closure closure(nodes);
  each(from, [&](View at) {
    for (const Grammar::Edge& edge : nodes[at.node].edges)
      if (edge.first <= byte && byte <= edge.last) closure.arrive(edge.to, 0, at.frames);
  });
  return closure.finish();
}

Outlook outlook_of(const Grammar& grammar, const Configurations& at) {
  Outlook outlook;
  each(at, [&](View here) {
    if (here.node == Grammar::kEnd) {
      outlook.may_end = true;
      return;
    }
    outlook.may_go_on = true;
    if (here.node != grammar.any_character || here.frames.empty()) return;
    const std::uint32_t count = here.frames.back();  // with the character that begins here
    const Grammar::Node& repeat = grammar.nodes[here.frames[here.frames.size() - 2]];
    if (repeat.kind != Kind::repeat || repeat.body != grammar.any_character) return;
    const std::uint32_t room =
        repeat.at_most == Grammar::kUnbounded ? repeat.at_most : repeat.at_most - count + 1;
    outlook.free_characters = std::max(outlook.free_characters, room);
  });
  return outlook;
}

}  // namespace verbatim
