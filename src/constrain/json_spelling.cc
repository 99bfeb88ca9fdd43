#include "constrain/json_spelling.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "constrain/utf8_ranges.h"
#include "json/library.h"

namespace verbatim {
namespace {

// The two-character escapes: what is written after the backslash, and what it stands for.
constexpr std::pair<char, char> kEscapes[] = {{'"', '"'},  {'\\', '\\'}, {'b', '\b'}, {'f', '\f'},
                                              {'n', '\n'}, {'r', '\r'},  {'t', '\t'}};

const CharSet& plain_characters() {
  static const CharSet plain = CharSet{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}.complement();
  return plain;
}

// Whether anything may follow, also nothing.
bool is_free(const CharDfa::State& state, std::uint32_t own_number) {
  std::vector<CharRange> ranges;
  for (const CharDfa::Edge& edge : state.edges) {
    if (edge.to != own_number) return false;
    ranges.push_back(edge.range);
  }
  return state.accepts && CharSet(std::move(ranges)).complement().empty();
}

// One edge for each of these bytes.
std::vector<Grammar::Edge> edges_for(std::string_view any_of, NodeId next) {
  std::vector<Grammar::Edge> edges;
  for (char c : any_of) edges.push_back({static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c), next});
  return edges;
}

NodeId hex_digits(GrammarBuilder& grammar, int count, NodeId next) {
  for (; count > 0; --count) next = grammar.bytes({{'0', '9', next}, {'A', 'F', next}, {'a', 'f', next}});
  return next;
}

}  // namespace

// Adds the UTF-8 of plain characters to a node; continuation bytes that lead the same way share their nodes.
class JsonSpelling::PlainEdges {
 public:
  explicit PlainEdges(GrammarBuilder& grammar) : grammar_(grammar) {}

  void add(NodeId from, CharRange range, NodeId to) {
    for (const ByteRanges& bytes : utf8_ranges(range)) {
      NodeId next = to;
      for (int i = bytes.bytes; i-- > 1;) next = continuation(bytes.at[static_cast<std::size_t>(i)], next);
      grammar_.add_edge(from, {bytes.at[0].first, bytes.at[0].last, next});
    }
  }

 private:
  NodeId continuation(ByteRanges::Range range, NodeId next) {
    auto [it, added] = made_.emplace(std::tuple(range.first, range.last, next), 0);
    if (added) it->second = grammar_.bytes({{range.first, range.last, next}});
    return it->second;
  }

  GrammarBuilder& grammar_;
  std::map<std::tuple<std::uint8_t, std::uint8_t, NodeId>, NodeId> made_;
};

JsonSpelling::JsonSpelling(GrammarBuilder& grammar)
    : grammar_(grammar), any_character_(make_any_character()), space_(make_space()) {}

NodeId JsonSpelling::make_any_character() {
  const NodeId end = Grammar::kEnd;
  // RFC 8259, section 7: a character beyond the BMP is a pair of \u escapes; half a pair is no character.
  const NodeId low_half = grammar_.literal(
      "\\u",
      grammar_.bytes(edges_for("Dd", grammar_.bytes(edges_for("CDEFcdef", hex_digits(grammar_, 2, end))))));
  std::vector<Grammar::Edge> after_d = edges_for("89ABab", hex_digits(grammar_, 2, low_half));
  after_d.push_back({'0', '7', hex_digits(grammar_, 2, end)});
  std::vector<Grammar::Edge> after_u = edges_for("0123456789ABCEFabcef", hex_digits(grammar_, 3, end));
  const NodeId surrogates = grammar_.bytes(std::move(after_d));
  for (const Grammar::Edge& edge : edges_for("Dd", surrogates)) after_u.push_back(edge);
  std::vector<Grammar::Edge> escape = edges_for("\"\\/bfnrt", end);
  escape.push_back({'u', 'u', grammar_.bytes(std::move(after_u))});

  const NodeId first = grammar_.byte('\\', grammar_.bytes(std::move(escape)));
  PlainEdges plain(grammar_);
  for (CharRange range : plain_characters().ranges()) plain.add(first, range, end);
  return first;
}

NodeId JsonSpelling::make_space() {
  const NodeId end = Grammar::kEnd;
  const NodeId indent = grammar_.repeat(grammar_.bytes({{' ', ' ', end}, {'\t', '\t', end}}), 0, 20, end);
  const NodeId lines = grammar_.byte('\n', grammar_.optional(grammar_.byte('\n', indent), indent));
  return grammar_.split({end, grammar_.byte(' ', end), lines});
}

NodeId JsonSpelling::free_string(std::uint32_t at_least, std::uint32_t at_most, NodeId next) {
  return grammar_.byte('"', free_rest(at_least, at_most, next));
}

NodeId JsonSpelling::free_rest(std::uint32_t at_least, std::uint32_t at_most, NodeId next) {
  return grammar_.repeat(any_character_, at_least, at_most, grammar_.byte('"', next));
}

NodeId JsonSpelling::string_in(const CharDfa& characters, NodeId next) {
  std::vector<NodeId> node_of;  // a state is a node that reads a character, or the rest of a free string
  for (std::uint32_t i = 0; i < characters.states.size(); ++i) {
    const bool free = is_free(characters.states[i], i);
    node_of.push_back(free ? free_rest(0, Grammar::kUnbounded, next) : grammar_.bytes({}));
  }
  PlainEdges plain(grammar_);
  for (std::uint32_t i = 0; i < characters.states.size(); ++i) {
    const CharDfa::State& state = characters.states[i];
    if (is_free(state, i)) continue;
    read_character(node_of[i], state, node_of, plain);
    if (state.accepts) grammar_.add_edge(node_of[i], {'"', '"', next});
  }
  return grammar_.byte('"', node_of[0]);
}

NodeId JsonSpelling::string_in(const CharDfa& characters, const std::vector<CharDfa::Lengths>& lengths,
                               std::uint32_t at_least, std::uint32_t at_most, NodeId next) {
  if (lengths[0].least > at_most || lengths[0].most < at_least) return grammar_.reserve();  // there is none
  std::vector<NodeId> node_of;
  for (std::size_t i = 0; i < lengths.size(); ++i) node_of.push_back(grammar_.reserve());
  const NodeId end = grammar_.tick(0, 0, 0, grammar_.byte('"', Grammar::kEnd));
  PlainEdges plain(grammar_);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    // A character is counted before its first byte: which one may come depends on where it leads.
    std::map<std::uint32_t, CharDfa::State> by_target;
    for (const CharDfa::Edge& edge : characters.states[i].edges) by_target[edge.to].edges.push_back(edge);
    std::vector<NodeId> choices;
    for (const auto& [to, part] : by_target) {
      const NodeId character = grammar_.bytes({});
      read_character(character, part, node_of, plain);
      choices.push_back(grammar_.tick(1, lengths[to].least, lengths[to].most, character));
    }
    if (characters.states[i].accepts) choices.push_back(end);
    grammar_.define(node_of[i], grammar_.split(std::move(choices)));
  }
  return grammar_.byte('"', grammar_.count(node_of[0], at_least, at_most, next));
}

void JsonSpelling::read_character(NodeId node, const CharDfa::State& state,
                                  const std::vector<NodeId>& targets, PlainEdges& plain) {
  for (const CharDfa::Edge& edge : state.edges)
    for (CharRange range : plain_characters().ranges()) {
      const CharRange both{std::max(edge.range.first, range.first), std::min(edge.range.last, range.last)};
      if (both.first <= both.last) plain.add(node, both, targets[edge.to]);
    }
  std::vector<Grammar::Edge> escapes = escapes_of(state, targets);
  if (!escapes.empty()) grammar_.add_edge(node, {'\\', '\\', grammar_.bytes(std::move(escapes))});
}

// What may follow a backslash in this state.
std::vector<Grammar::Edge> JsonSpelling::escapes_of(const CharDfa::State& state,
                                                    const std::vector<NodeId>& targets) {
  std::vector<Grammar::Edge> escapes;
  std::map<char, std::vector<Grammar::Edge>> last_digits;  // of \u00HH, by the digit before
  auto add = [&](std::vector<Grammar::Edge>& edges, std::string_view spellings, char32_t meant) {
    for (const CharDfa::Edge& edge : state.edges)
      if (edge.range.first <= meant && meant <= edge.range.last)
        for (const Grammar::Edge& spelled : edges_for(spellings, targets[edge.to])) edges.push_back(spelled);
  };
  std::set<char32_t> named;
  for (auto [written, meant] : kEscapes) {
    add(escapes, {&written, 1}, static_cast<unsigned char>(meant));
    named.insert(static_cast<unsigned char>(meant));
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (char32_t c = 0; c < 0x20; ++c) {
    if (named.contains(c)) continue;
    std::vector<Grammar::Edge>& edges = last_digits[kDigits[c / 16]];
    add(edges, kDigits.substr(c % 16, 1), c);
  }
  std::vector<Grammar::Edge> digits;
  for (auto& [digit, edges] : last_digits)
    if (!edges.empty()) digits.push_back(edges_for({&digit, 1}, grammar_.bytes(std::move(edges)))[0]);
  if (!digits.empty())
    escapes.push_back({'u', 'u', grammar_.literal("00", grammar_.bytes(std::move(digits)))});
  return escapes;
}

std::string JsonSpelling::scalar(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

NodeId JsonSpelling::one_of(std::vector<Beginning> beginnings) {
  std::ranges::sort(beginnings);
  beginnings.erase(std::unique(beginnings.begin(), beginnings.end()), beginnings.end());
  return one_of(beginnings, 0);
}

// All agree in their first `depth` bytes.
NodeId JsonSpelling::one_of(std::span<const Beginning> sorted, std::size_t depth) {
  const std::string &lowest = sorted.front().text,
                    &highest = sorted.back().text;  // where these agree, all do
  const auto differs = std::ranges::mismatch(lowest, highest).in1;
  const auto common = static_cast<std::size_t>(differs - lowest.begin());

  std::vector<NodeId> choices;
  std::size_t from = 0;
  for (; from < sorted.size() && sorted[from].text.size() == common; ++from)
    choices.push_back(sorted[from].next);
  std::vector<Grammar::Edge> edges;
  for (std::size_t to = from; from < sorted.size(); from = to) {
    const char c = sorted[from].text[common];
    while (to < sorted.size() && sorted[to].text[common] == c) ++to;
    edges.push_back(edges_for({&c, 1}, one_of(sorted.subspan(from, to - from), common + 1))[0]);
  }
  if (!edges.empty()) choices.push_back(grammar_.bytes(std::move(edges)));
  const NodeId here = choices.size() == 1 ? choices[0] : grammar_.split(std::move(choices));
  return grammar_.literal(std::string_view(lowest).substr(depth, common - depth), here);
}

NodeId JsonSpelling::constant(const nlohmann::ordered_json& value, NodeId next) {
  if (!value.is_structured()) return grammar_.literal(scalar(value), next);
  const bool object = value.is_object();
  next = grammar_.byte(object ? '}' : ']', next);
  if (value.empty()) return grammar_.byte(object ? '{' : '[', space(next));
  next = space(next);
  for (auto it = value.end(); it != value.begin();) {
    --it;
    next = constant(*it, next);
    if (object) next = grammar_.literal(scalar(it.key()) + ":", space(next));
    next = space(next);
    if (it != value.begin()) next = grammar_.byte(',', next);
  }
  return grammar_.byte(object ? '{' : '[', next);
}

}  // namespace verbatim
