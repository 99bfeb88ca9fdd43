#include "constrain/pattern.h"

#include <algorithm>

#include "constrain/pattern_syntax.h"

namespace verbatim {
namespace {

class Compiler {
 public:
  // Makes states for the expression after `from`; the state that follows it. Over the limit it stops early.
  std::uint32_t emit(const Expression& e, std::uint32_t from) {
    switch (e.kind) {
      case Expression::Kind::characters:
        return read(from, e.characters);
      case Expression::Kind::text_begins:
        return fresh(from, CharNfa::Where::before_the_text);
      case Expression::Kind::text_ends:
        return fresh(from, CharNfa::Where::after_the_text);
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

  // Any characters.
  std::uint32_t anything(std::uint32_t from) {
    const std::uint32_t state = fresh(from);
    nfa.read(state, CharSet::all(), state);
    return state;
  }

  bool full() const { return nfa.size() > CharNfa::kMostStates; }

  CharNfa nfa;

 private:
  std::uint32_t fresh(std::uint32_t from, CharNfa::Where where = CharNfa::Where::anywhere) {
    const std::uint32_t state = nfa.add();
    nfa.skip(from, state, where);
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

}  // namespace

Result<CharDfa> compile_pattern(std::string_view pattern, std::size_t& steps) {
  Result<Expression> expression = parse_pattern(pattern);
  if (!expression.ok()) return expression.error();
  Compiler compiler;
  const std::uint32_t start = compiler.nfa.add();
  const std::uint32_t end = compiler.anything(compiler.emit(*expression, compiler.anything(start)));
  if (compiler.full()) return fail("it needs an automaton that is too large");
  return compiler.nfa.determinise(start, end, steps);
}

}  // namespace verbatim
