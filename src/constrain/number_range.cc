#include "constrain/number_range.h"

#include <algorithm>
#include <charconv>
#include <compare>
#include <map>
#include <numeric>
#include <vector>

#include "json/library.h"

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

constexpr std::uint64_t kMostUnits = 1'000'000'000;  // products of two remainders fit in 64 bits
constexpr std::size_t kMostPlaces = 20'000;          // of Magnitudes

// 10^n modulo m, m at most kMostUnits
std::uint64_t power_of_ten(std::size_t n, std::uint64_t m) {
  std::uint64_t power = 1 % m;
  for (; n > 0; --n) power = power * 10 % m;
  return power;
}

std::uint64_t common_divisor_with_ten_to(std::size_t n, std::uint64_t m) {
  std::uint64_t divisor = 1;
  for (std::uint64_t prime : {2u, 5u})
    for (std::size_t i = 0; i < n && m % prime == 0; ++i) m /= prime, divisor *= prime;
  return divisor;
}

// The texts of numbers without sign between two bounds. A place in the text is known by the digits that are done
// and left, by whether those done are the ones of the lower and of the upper bound ("tight": only then do the
// bound's next digits count), and by their remainder. Where no bound is tight, only what is left counts, and of
// the remainder only what it leaves of that.
class Magnitudes {
 public:
  Magnitudes(GrammarBuilder& grammar, const NumberRange& range, Bound low, Bound high, NodeId next)
      : grammar_(grammar), range_(range), low_(std::move(low)), high_(std::move(high)), next_(next) {}

  // nullopt: too many places
  std::optional<NodeId> make() {
    std::vector<NodeId> lengths;
    const std::size_t most = std::min(high_.value.whole.size(), kMostWhole);
    for (std::size_t n = low_.value.whole.size(); n <= most; ++n) {
      const std::size_t written = range_.units == 0 ? kMostDigits : range_.places;
      const std::size_t room = !range_.fractions || n >= kMostDigits ? 0 : kMostDigits - n;
      Place start{.whole = n, .fraction = std::min(room, written)};
      start.tight_low = n == low_.value.whole.size(), start.tight_high = n == high_.value.whole.size();
      if (range_.units != 0) {  // of the number without its point
        const std::size_t missing = range_.places - start.fraction;
        start.modulus = range_.units / common_divisor_with_ten_to(missing, range_.units);
      }
      lengths.push_back(at(start));
    }
    return made_.size() > kMostPlaces ? std::nullopt : std::optional(grammar_.split(std::move(lengths)));
  }

 private:
  struct Place {
    std::size_t whole = 0, fraction = 0;            // digits before the point, and after it at most
    std::size_t whole_done = 0, fraction_done = 0;  // of them
    bool tight_low = false, tight_high = false;
    std::uint64_t modulus = 1, remainder = 0;
    bool needless_zero = false;  // the last digit of a fraction, where a number has one spelling

    std::size_t left() const { return whole - whole_done + fraction - fraction_done; }
    friend auto operator<=>(const Place&, const Place&) = default;
  };

  static char digit_of(const std::string& digits, std::size_t i) {
    return i < digits.size() ? digits[i] : '0';
  }

  NodeId at(Place p) {
    if (!p.tight_low && !p.tight_high) {
      p.remainder %= p.modulus / common_divisor_with_ten_to(p.left(), p.modulus);
      if (p.whole_done > 0 && !leads_to_a_multiple(p)) return nothing();
      if (p.whole_done > 0) p.whole -= p.whole_done - 1, p.whole_done = 1;
    }
    if (auto it = made_.find(p); it != made_.end()) return it->second;
    if (made_.size() > kMostPlaces) return nothing();
    const NodeId node = p.whole_done < p.whole ? before_the_point(p) : after_the_point(p);
    return made_[p] = node;
  }

  NodeId nothing() { return nothing_ ? *nothing_ : *(nothing_ = grammar_.bytes({})); }

  // Whether what is left can be digits that make the whole a multiple.
  static bool leads_to_a_multiple(const Place& p) {
    const std::uint64_t left = p.remainder * power_of_ten(p.left(), p.modulus) % p.modulus;
    std::uint64_t most = 1;  // what the digits that are left stay below
    for (std::size_t i = 0; i < p.left() && most <= kMostUnits; ++i) most *= 10;
    return left == 0 || p.modulus - left < most;
  }

  // One more digit, from `first` on.
  NodeId digit(char first, char low, char high, const Place& p) {
    std::vector<Grammar::Edge> edges;
    for (char d = std::max(first, p.tight_low ? low : '0'); d <= (p.tight_high ? high : '9'); ++d) {
      Place next = p;
      ++(p.whole_done < p.whole ? next.whole_done : next.fraction_done);
      next.tight_low = p.tight_low && d == low, next.tight_high = p.tight_high && d == high;
      next.needless_zero = range_.one_spelling && next.fraction_done > 0 && d == '0';
      next.remainder = (p.remainder * 10 + static_cast<std::uint64_t>(d - '0')) % p.modulus;
      const auto byte = static_cast<std::uint8_t>(d);
      const NodeId to = at(next);
      if (!edges.empty() && edges.back().to == to) {
        edges.back().last = byte;
      } else {
        edges.push_back({byte, byte, to});
      }
    }
    return grammar_.bytes(std::move(edges));
  }

  NodeId before_the_point(const Place& p) {
    const std::size_t i = p.whole_done;
    return digit(i == 0 && p.whole > 1 ? '1' : '0', digit_of(low_.value.whole, i),
                 digit_of(high_.value.whole, i), p);
  }

  NodeId after_the_point(const Place& p) {
    std::vector<NodeId> choices;
    const std::size_t j = p.fraction_done;
    if (may_stop(p)) choices.push_back(next_);
    if (j < p.fraction) {
      const NodeId more = digit('0', digit_of(low_.value.fraction, j), digit_of(high_.value.fraction, j), p);
      choices.push_back(j == 0 ? grammar_.byte('.', more) : more);
    }
    return grammar_.split(std::move(choices));
  }

  bool may_stop(const Place& p) const {
    const std::size_t j = p.fraction_done;
    const bool low_is_over = j >= low_.value.fraction.size(), high_is_over = j >= high_.value.fraction.size();
    if (p.tight_low && (!low_is_over || low_.exclusive)) return false;
    if (p.tight_high && high_is_over && high_.exclusive) return false;
    return !p.needless_zero && p.remainder * power_of_ten(p.left(), p.modulus) % p.modulus == 0;
  }

  GrammarBuilder& grammar_;
  const NumberRange& range_;
  const Bound low_, high_;
  const NodeId next_;
  std::optional<NodeId> nothing_;
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

// The least common multiple.
bool NumberRange::multiple_of(const Decimal& step) {
  const std::string digits = step.whole + step.fraction;
  if (step.negative || is_zero(step) || digits.size() > 18 || step.fraction.size() >= kMostDigits)
    return false;
  std::uint64_t other = std::stoull(digits), own = units == 0 ? 1 : units;
  if (units == 0) return units = other, places = step.fraction.size(), units <= kMostUnits;
  const std::size_t both = std::max(places, step.fraction.size());
  for (std::size_t i = places; i < both && own <= kMostUnits; ++i) own *= 10;
  for (std::size_t i = step.fraction.size(); i < both && other <= kMostUnits; ++i) other *= 10;
  if (own > kMostUnits || other > kMostUnits) return false;
  units = std::lcm(own, other), places = both;
  return units <= kMostUnits;
}

std::optional<NodeId> number_in(GrammarBuilder& grammar, const NumberRange& range, NodeId next) {
  if (range.fractions && !range.low && !range.high && range.units == 0 && !range.one_spelling)
    return unbounded_with_exponent(grammar, next);
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
    const auto positive =
        Magnitudes(grammar, range, from_zero ? zero : *range.low, range.high.value_or(most), next).make();
    if (!positive) return std::nullopt;
    signs.push_back(*positive);
  }
  if (!range.low || range.low->value.negative) {
    const bool to_zero = !range.high || !range.high->value.negative;
    const auto negative = Magnitudes(grammar, range, to_zero ? beyond_zero : magnitude(*range.high),
                                     range.low ? magnitude(*range.low) : most, next)
                              .make();
    if (!negative) return std::nullopt;
    signs.push_back(grammar.byte('-', *negative));
  }
  return grammar.split(std::move(signs));
}

}  // namespace verbatim
