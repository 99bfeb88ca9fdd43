#include "constrain/configurations.h"

#include <algorithm>
#include <bitset>
#include <optional>
#include <set>
#include <span>

#include "base/check.h"
#include "constrain/text_set.h"

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

// Whether a frame is that of a set or member rule: one to return to such a node, to enter it, has no count.
bool has_texts(const std::vector<Grammar::Node>& nodes, NodeId node, std::uint32_t count) {
  return count > 0 && (nodes[node].kind == Kind::set || nodes[node].kind == Kind::member);
}

// The innermost frame with its texts, from where it begins in the frames.  REQUIRES: frames are not empty
std::size_t begin_of_innermost(const std::vector<Grammar::Node>& nodes,
                               std::span<const std::uint32_t> frames) {
  const std::uint32_t node = frames[frames.size() - 2], count = frames.back();
  return frames.size() - 2 - (has_texts(nodes, node, count) ? 2 * (count - 1) : 0);
}

// The frame of a set, or of a member that is being read, and the texts before it.
struct TextFrame {
  std::size_t begin = 0, header = 0;  // places in the frames

  std::vector<std::string> texts(std::span<const std::uint32_t> frames) const {
    return unpack_texts(frames.subspan(begin, header - begin));
  }
  void replace(std::vector<std::string> texts, Words& frames) const {
    const Words words = pack_texts(std::move(texts));
    frames[header + 1] = static_cast<std::uint32_t>(words.size() / 2) + 1;
    auto at = frames.erase(frames.begin() + static_cast<std::ptrdiff_t>(begin),
                           frames.begin() + static_cast<std::ptrdiff_t>(header));
    frames.insert(at, words.begin(), words.end());
  }
};

// The innermost one of either kind, if it is of this kind.
std::optional<TextFrame> find_texts(const std::vector<Grammar::Node>& nodes,
                                    std::span<const std::uint32_t> frames, Kind wanted) {
  while (!frames.empty()) {
    const std::size_t begin = begin_of_innermost(nodes, frames), header = frames.size() - 2;
    if (has_texts(nodes, frames[header], frames.back()))
      return nodes[frames[header]].kind == wanted ? std::optional(TextFrame{begin, header}) : std::nullopt;
    frames = frames.first(begin);
  }
  return std::nullopt;
}

// Adds a byte to the text of the member that is being read.
Words with_byte(const std::vector<Grammar::Node>& nodes, std::span<const std::uint32_t> frames,
                std::uint8_t byte) {
  Words words(frames.begin(), frames.end());
  if (const auto member = find_texts(nodes, frames, Kind::member)) {
    std::string text = member->texts(frames)[0];
    if (text.size() < kMostCompared) text += static_cast<char>(byte);
    member->replace({std::move(text)}, words);
  }
  return words;
}

// Whether some text goes on from here that is none of these, as far as they are compared: `most` bytes more.
bool can_differ(const std::vector<Grammar::Node>& nodes, const Configurations& at,
                const std::vector<std::string>& texts, std::size_t most) {
  if (texts.empty()) return !at.empty();
  if (most == 0) return false;
  bool may_end = false;
  std::bitset<256> readable;
  each(at, [&](View here) {
    may_end |= here.node == Grammar::kEnd;
    for (const Grammar::Edge& edge : nodes[here.node].edges)
      for (unsigned byte = edge.first; byte <= edge.last; ++byte) readable.set(byte);
  });
  if (may_end && std::ranges::find(texts, "") == texts.end()) return true;
  for (const bool read_by_none : {true, false})  // the quick way first
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (!readable[byte]) continue;
      const char c = static_cast<char>(byte);
      const std::vector<std::string> ends = ends_after(texts, {&c, 1});
      if (ends.empty() == read_by_none &&
          can_differ(nodes, after(nodes, at, static_cast<std::uint8_t>(byte)), ends, most - 1))
        return true;
    }
  return false;
}

// Follows calls, choices and ends until only nodes that read a byte, and the end of the text, are left.
class Closure {
 public:
  explicit Closure(const std::vector<Grammar::Node>& nodes) : nodes_(nodes) {}

  // Arrives at a node with `count` repetitions of it done; only repeat and count nodes look at them.
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
    const Kind kind = nodes_[node].kind;
    key.push_back(kind == Kind::repeat || kind == Kind::count ? count : 0);
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
        if (node.nests && nesting(a.frames) >= kMostNesting) break;
        enter(node.body, node.next, 0, a.frames);
        break;
      case Kind::repeat:
        if (a.count >= node.at_least) arrive(node.next, 0, a.frames);
        if (a.count < node.at_most) enter(node.body, a.node, counted(node, a.count), a.frames);
        break;
      case Kind::count:  // its frame counts from 1 on: 0 is who arrives for the first time
        if (a.count == 0) return enter(node.body, a.node, 1, a.frames);
        if (a.count > node.at_least) arrive(node.next, 0, a.frames);
        break;
      case Kind::tick:
        tick(node, a.frames);
        break;
      case Kind::set:
        remember(a, {});
        break;
      case Kind::member:
        remember(a, {""});
        break;
      case Kind::room:
        if (has_room(node, a.frames)) arrive(node.next, 0, a.frames);
        break;
      case Kind::end:
        a.frames.empty() ? settle(a) : leave(a.frames);
        break;
    }
  }

  void leave(const Words& frames) {
    const std::size_t header = frames.size() - 2, begin = begin_of_innermost(nodes_, frames);
    const Grammar::Node& node = nodes_[frames[header]];
    const auto outer = std::span(frames).first(begin);
    if (!has_texts(nodes_, frames[header], frames[header + 1]))
      return arrive(frames[header], frames[header + 1], outer);
    if (node.kind == Kind::set) return arrive(node.next, 0, outer);
    leave_member(node, outer, TextFrame{begin, header}.texts(frames)[0]);
  }

  void leave_member(const Grammar::Node& member, std::span<const std::uint32_t> frames, std::string text) {
    const auto set = find_texts(nodes_, frames, Kind::set);
    CHECK(set.has_value(), "a member outside a set");
    std::vector<std::string> texts = set->texts(frames);
    if (std::ranges::find(texts, text) != texts.end()) return;
    texts.push_back(std::move(text));
    Words more(frames.begin(), frames.end());
    set->replace(std::move(texts), more);
    arrive(member.next, 0, more);
  }

  // Enters the rule of a set or member.
  void remember(const Arrival& a, std::vector<std::string> texts) {
    const Words words = pack_texts(std::move(texts));
    Words frames = a.frames;
    frames.insert(frames.end(), words.begin(), words.end());
    frames.push_back(a.node);
    frames.push_back(static_cast<std::uint32_t>(words.size() / 2) + 1);
    arrive(nodes_[a.node].body, 0, frames);
  }

  bool has_room(const Grammar::Node& room, const Words& frames) const {
    const auto set = find_texts(nodes_, frames, Kind::set);
    CHECK(set.has_value(), "room outside a set");
    return set->header - set->begin <= kMostRemembered &&
           can_differ(nodes_, start_of(nodes_, room.body), set->texts(frames), kMostCompared);
  }

  // Whether what is read here can become a member that its set does not have.
  bool is_possible(const Arrival& a) const {
    const auto member = find_texts(nodes_, a.frames, Kind::member);
    if (!member) return true;
    const std::string text = member->texts(a.frames)[0];
    const auto outer = std::span(a.frames).first(member->begin);
    const auto others = ends_after(find_texts(nodes_, outer, Kind::set)->texts(outer), text);
    return others.empty() ||
           can_differ(nodes_, words_of(a.node, std::span(a.frames).subspan(member->header + 2)), others,
                      kMostCompared - text.size());
  }

  // Arrays and objects inside one another leave a frame each, which is not one of those that count or remember.
  std::size_t nesting(std::span<const std::uint32_t> frames) const {
    std::size_t depth = 0;
    for (; !frames.empty(); frames = frames.first(begin_of_innermost(nodes_, frames))) {
      const Kind kind = nodes_[frames[frames.size() - 2]].kind;
      if (kind == Kind::call || kind == Kind::repeat || kind == Kind::split || kind == Kind::bytes) ++depth;
    }
    return depth;
  }

  void tick(const Grammar::Node& node, Words frames) {
    const Grammar::Node& rule = nodes_[frames[frames.size() - 2]];
    std::uint64_t counted = std::uint64_t{frames.back()} - 1 + node.step;
    if (counted + node.at_least > rule.at_most) return;
    if (node.at_most != Grammar::kUnbounded && counted + node.at_most < rule.at_least) return;
    if (rule.at_most == Grammar::kUnbounded) counted = std::min<std::uint64_t>(counted, rule.at_least);
    frames.back() = static_cast<std::uint32_t>(counted) + 1;
    arrive(node.next, 0, frames);
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
    if (!is_possible(a)) return;
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
      if (edge.first <= byte && byte <= edge.last)
        closure.arrive(edge.to, 0, with_byte(nodes, at.frames, byte));
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
