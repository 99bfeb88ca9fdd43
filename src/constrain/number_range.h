// Numbers between two bounds, as JSON spells them, compared digit by digit: a text is allowed when the
// decimal number it spells is in the range.
//
// Bounded so that a model cannot loop in digits and every reader gets the value that was meant: at most 18
// digits before the point (they fit in 64 bits), and together with those after it at most 15 (they survive a
// double). An exponent of at most two digits is allowed where the range has neither bounds nor a multiple.
//
// Multiples are those of the decimal number that is written: 0.07 is one of 0.01, though not in doubles. They
// are found by the remainder of the digits read so far, and have no more places than what they are a multiple
// of.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "constrain/grammar.h"

namespace verbatim {

// Digits without needless zeros; zero is "0" and "".
struct Decimal {
  bool negative = false;
  std::string whole = "0", fraction;

  // nullopt: not a number, or with too many digits to be written without an exponent
  static std::optional<Decimal> from(const nlohmann::ordered_json& number);
  friend bool operator==(const Decimal&, const Decimal&) = default;
};
bool less(const Decimal& a, const Decimal& b);

struct Bound {
  Decimal value;
  bool exclusive = false;
};

struct NumberRange {
  std::optional<Bound> low, high;
  bool fractions = false;  // else integers only, without point or exponent
  // Multiples of units / 10^places; 0: any number.
  std::uint64_t units = 0;
  std::size_t places = 0;
  bool one_spelling = false;  // of each number: no exponent, no zero at the end of a fraction, no -0

  // Narrows the range.
  void at_least(const Bound& bound);
  void at_most(const Bound& bound);
  // False: not above zero, or too fine or too large to be kept together with the others.
  bool multiple_of(const Decimal& step);
};

// nullopt: multiples that would need too large an automaton
std::optional<NodeId> number_in(GrammarBuilder& grammar, const NumberRange& range, NodeId next);

}  // namespace verbatim
