#include "constrain/number_range.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <vector>

namespace verbatim {
namespace {

constexpr std::size_t kMostWhole = 18, kMostDigits = 15;
constexpr int kMostExponent = 40;  // of a bound

// Of numbers without sign.
int compare_magnitudes(const Decimal& a, const Decimal& b) {
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size() ? -1 : 1;
  if (int order = a.whole.compare(b.whole); order != 0) return order;
  return a.fraction.compare(b.fraction);  // no trailing zeros: a prefix is smaller
}

bool is_zero(const Decimal& d) { return d.whole == "0" && d.fraction.empty(); }

// The texts of numbers without sign between two bounds. A state is a place in the text, and whether the digits
// so far are those of the lower and of the upper bound ("tight"): only then do the bound's next digits count.
class Magnitudes {
 public:
  Magnitudes(GrammarBuilder& grammar, Bound low, Bound high, bool fractions, NodeId next)
      : grammar_(grammar), low_(std::move(low)), high_(std::move(high)), fractions_(fractions), next_(next) {}

  NodeId make() {
    std::vector<NodeId> lengths;
    const std::size_t most = std::min(high_.value.whole.size(), kMostWhole);
    for (std::size_t n = low_.value.whole.size(); n <= most; ++n)
      lengths.push_back(whole(n, 0, n == low_.value.whole.size(), n == high_.value.whole.size()));
    return grammar_.split(std::move(lengths));
  }

 private:
  static char digit_of(const std::string& digits, std::size_t i) {
    return i < digits.size() ? digits[i] : '0';
  }

  // One more digit, from `first` on: to(low still tight, high still tight).
  template <class To>
  NodeId digit(char first, char low, char high, bool tight_low, bool tight_high, To to) {
    std::vector<Grammar::Edge> edges;
    for (char d = std::max(first, tight_low ? low : '0'); d <= (tight_high ? high : '9'); ++d) {
      const auto byte = static_cast<std::uint8_t>(d);
      edges.push_back({byte, byte, to(tight_low && d == low, tight_high && d == high)});
    }
    return grammar_.bytes(std::move(edges));
  }

  // Digit i of n before the point.
  NodeId whole(std::size_t n, std::size_t i, bool tight_low, bool tight_high) {
    if (i == n) return after_digits(n, 0, tight_low, tight_high);
    return once({n, i, tight_low, tight_high}, [&] {
      return digit(i == 0 && n > 1 ? '1' : '0', digit_of(low_.value.whole, i), digit_of(high_.value.whole, i),
                   tight_low, tight_high, [&](bool low, bool high) { return whole(n, i + 1, low, high); });
    });
  }

  // After n digits before the point and j behind it.
  NodeId after_digits(std::size_t n, std::size_t j, bool tight_low, bool tight_high) {
    return once({n, kMostWhole + 1 + j, tight_low, tight_high}, [&] {
      std::vector<NodeId> choices;
      if (may_stop(j, tight_low, tight_high)) choices.push_back(next_);
      if (fractions_ && n + j < kMostDigits) {
        const NodeId more =
            digit('0', digit_of(low_.value.fraction, j), digit_of(high_.value.fraction, j), tight_low,
                  tight_high, [&](bool low, bool high) { return after_digits(n, j + 1, low, high); });
        choices.push_back(j == 0 ? grammar_.byte('.', more) : more);
      }
      return grammar_.split(std::move(choices));
    });
  }

  bool may_stop(std::size_t j, bool tight_low, bool tight_high) const {
    const bool low_is_over = j >= low_.value.fraction.size(), high_is_over = j >= high_.value.fraction.size();
    if (tight_low && (!low_is_over || low_.exclusive)) return false;
    return !(tight_high && high_is_over && high_.exclusive);
  }

  using Place = std::tuple<std::size_t, std::size_t, bool, bool>;
  template <class Make>
  NodeId once(Place place, Make make) {
    auto it = made_.find(place);
    return it != made_.end() ? it->second : made_[place] = make();
  }

  GrammarBuilder& grammar_;
  const Bound low_, high_;
  const bool fractions_;
  const NodeId next_;
  std::map<Place, NodeId> made_;
};

NodeId unbounded_with_exponent(GrammarBuilder& grammar, NodeId next) {
  const NodeId end = Grammar::kEnd;
  const NodeId digit = grammar.range('0', '9', end);
  const NodeId power = grammar.split({grammar.byte('0', next),  //
                                      grammar.range('1', '9', grammar.repeat(digit, 0, 1, next))});
  const NodeId sign = grammar.bytes({{'+', '+', power}, {'-', '-', power}});
  const NodeId signed_power = grammar.split({power, sign});
  const NodeId exponent = grammar.bytes({{'e', 'e', signed_power}, {'E', 'E', signed_power}});
  const NodeId tail = grammar.optional(exponent, next);
  const NodeId fraction = grammar.byte('.', grammar.repeat(digit, 1, kMostDigits, tail));
  const NodeId point = grammar.optional(fraction, tail);
  const NodeId whole =
      grammar.split({grammar.byte('0', point),  //
                     grammar.range('1', '9', grammar.repeat(digit, 0, kMostWhole - 1, point))});
  return grammar.optional(grammar.byte('-', whole), whole);
}

}  // namespace

std::optional<Decimal> Decimal::from(const nlohmann::ordered_json& number) {
  if (!number.is_number()) return std::nullopt;
  std::string text = number.dump();  // the shortest text that gives the number again
  Decimal d;
  d.negative = text.starts_with('-');
  if (d.negative) text.erase(0, 1);
  int exponent = 0;
  if (const std::size_t e = text.find('e'); e != std::string::npos) {
    const char* digits = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
    if (std::from_chars(digits, text.data() + text.size(), exponent).ec != std::errc()) return std::nullopt;
    text.resize(e);
  }
  if (text.find_first_not_of("0123456789.") != std::string::npos) return std::nullopt;  // not finite
  if (exponent > kMostExponent || exponent < -kMostExponent) return std::nullopt;
  const std::size_t point = std::min(text.find('.'), text.size());
  d.whole = text.substr(0, point);
  d.fraction = point < text.size() ? text.substr(point + 1) : "";
  for (; exponent > 0; --exponent) {
    d.whole += d.fraction.empty() ? '0' : d.fraction[0];
    if (!d.fraction.empty()) d.fraction.erase(0, 1);
  }
  for (; exponent < 0; ++exponent) {
    d.fraction.insert(d.fraction.begin(), d.whole.empty() ? '0' : d.whole.back());
    if (!d.whole.empty()) d.whole.pop_back();
  }
  d.whole.erase(0, std::min(d.whole.find_first_not_of('0'), d.whole.size()));
  if (d.whole.empty()) d.whole.push_back('0');
  d.fraction.erase(d.fraction.find_last_not_of('0') + 1);
  if (is_zero(d)) d.negative = false;
  return d;
}

bool less(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative;
  return a.negative ? compare_magnitudes(b, a) < 0 : compare_magnitudes(a, b) < 0;
}

void NumberRange::at_least(const Bound& bound) {
  const bool tighter =
      !low || less(low->value, bound.value) || (low->value == bound.value && bound.exclusive);
  if (tighter) low = bound;
}

void NumberRange::at_most(const Bound& bound) {
  const bool tighter =
      !high || less(bound.value, high->value) || (high->value == bound.value && bound.exclusive);
  if (tighter) high = bound;
}

NodeId number_in(GrammarBuilder& grammar, const NumberRange& range, NodeId next) {
  if (range.fractions && !range.low && !range.high) return unbounded_with_exponent(grammar, next);
  Bound most;  // beyond what is ever written
  most.value.whole.assign(kMostWhole + 1, '9');
  auto magnitude = [](Bound bound) {
    bound.value.negative = false;
    return bound;
  };
  std::vector<NodeId> signs;
  Bound zero, beyond_zero;
  beyond_zero.exclusive = true;
  if (!range.high || !range.high->value.negative) {
    const bool from_zero = !range.low || range.low->value.negative;
    signs.push_back(
        Magnitudes(grammar, from_zero ? zero : *range.low, range.high.value_or(most), range.fractions, next)
            .make());
  }
  if (!range.low || range.low->value.negative) {
    const bool to_zero = !range.high || !range.high->value.negative;
    signs.push_back(
        grammar.byte('-', Magnitudes(grammar, to_zero ? beyond_zero : magnitude(*range.high),
                                     range.low ? magnitude(*range.low) : most, range.fractions, next)
                              .make()));
  }
  return grammar.split(std::move(signs));
}

}  // namespace verbatim
