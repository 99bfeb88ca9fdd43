#include "constrain/pattern.h"

#include <algorithm>

#include "constrain/pattern_syntax.h"

namespace verbatim {
namespace {

// Before and after the string stand two symbols that are no characters, which ^ and $ read. So anchors may
// stand anywhere, and "matches somewhere" is: anything, then the expression, then anything.
constexpr char32_t kTextBegins = kLastChar + 1, kTextEnds = kLastChar + 2;

class Compiler {
 public:
  // Makes states for the expression after `from`; the state that follows it. Over the limit it stops early.
  std::uint32_t emit(const Expression& e, std::uint32_t from) {
    switch (e.kind) {
      case Expression::Kind::characters:
        return read(from, e.characters);
      case Expression::Kind::text_begins:
        return read(from, {{kTextBegins, kTextBegins}});
      case Expression::Kind::text_ends:
        return read(from, {{kTextEnds, kTextEnds}});
      case Expression::Kind::sequence:
        for (const Expression& part : e.parts) from = emit(part, from);
        return from;
      case Expression::Kind::choice: {
        const std::uint32_t joined = nfa.add();
        for (const Expression& part : e.parts) nfa.skip(emit(part, fresh(from)), joined);
        return joined;
      }
      case Expression::Kind::repetition:
        return repeat(e, from);
    }
    return from;
  }

  // Anything, with one more symbol, any number of times.
  std::uint32_t loop(std::uint32_t from, char32_t symbol) {
    const std::uint32_t state = fresh(from);
    nfa.read(state, CharSet::all().united({{symbol, symbol}}), state);
    return state;
  }

  bool full() const { return nfa.size() > CharNfa::kMostStates; }

  CharNfa nfa;

 private:
  std::uint32_t fresh(std::uint32_t from) {
    const std::uint32_t state = nfa.add();
    nfa.skip(from, state);
    return state;
  }

  std::uint32_t read(std::uint32_t from, const CharSet& characters) {
    const std::uint32_t to = nfa.add();
    nfa.read(from, characters, to);
    return to;
  }

  std::uint32_t repeat(const Expression& e, std::uint32_t from) {
    for (std::uint32_t i = 0; i < e.at_least && !full(); ++i) from = emit(e.parts[0], fresh(from));
    if (e.at_most == Expression::kUnbounded) {
      const std::uint32_t again = fresh(from);
      nfa.skip(emit(e.parts[0], again), again);
      return fresh(again);
    }
    const std::uint32_t joined = nfa.add();
    for (std::uint32_t i = e.at_least; i < e.at_most && !full(); ++i) {
      nfa.skip(from, joined);
      from = emit(e.parts[0], fresh(from));
    }
    nfa.skip(from, joined);
    return joined;
  }
};

// Takes the two symbols out again: the first is read at the start, the second where a string is accepted.
CharDfa without_symbols(CharDfa dfa) {
  auto target = [&](const CharDfa::State& state, char32_t symbol) -> const std::uint32_t* {
    for (const CharDfa::Edge& edge : state.edges)
      if (edge.range.first <= symbol && symbol <= edge.range.last) return &edge.to;
    return nullptr;
  };
  CharDfa plain;
  const std::uint32_t* start = target(dfa.states[0], kTextBegins);
  plain.states.resize(dfa.states.size() + 1);
  for (std::size_t i = 0; i < dfa.states.size(); ++i) {
    const CharDfa::State& from = dfa.states[i];
    CharDfa::State& to = plain.states[i + 1];
    const std::uint32_t* end = target(from, kTextEnds);
    to.accepts = end != nullptr && dfa.states[*end].accepts;
    for (CharDfa::Edge edge : from.edges) {
      edge.range.last = std::min(edge.range.last, kLastChar);
      if (edge.range.first <= kLastChar) to.edges.push_back({edge.range, edge.to + 1});
    }
  }
  if (start != nullptr) plain.states[0] = plain.states[*start + 1];
  return plain;
}

}  // namespace

Result<CharDfa> compile_pattern(std::string_view pattern, std::size_t& steps) {
  Result<Expression> expression = parse_pattern(pattern);
  if (!expression.ok()) return expression.error();
  Compiler compiler;
  const std::uint32_t start = compiler.nfa.add();
  const std::uint32_t end =
      compiler.loop(compiler.emit(*expression, compiler.loop(start, kTextBegins)), kTextEnds);
  if (compiler.full()) return fail("it needs an automaton that is too large");
  Result<CharDfa> dfa = compiler.nfa.determinise(start, end, steps);
  if (!dfa.ok()) return dfa.error();
  return without_symbols(std::move(*dfa));
}

}  // namespace verbatim
