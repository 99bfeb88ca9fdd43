#include "jinja/number_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "jinja/failure.h"

namespace verbatim::jinja {
namespace {

bool ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && ascii_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && ascii_space(text.back())) text.remove_suffix(1);
  return text;
}

int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  c = lower_ascii(c);
  return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

// Takes "0x" and its like off the text where the base allows it. Base 0 becomes what the prefix says.
void take_prefix(std::string_view& text, int& base) {
  constexpr std::pair<char, int> kPrefixes[] = {{'b', 2}, {'o', 8}, {'x', 16}};
  for (auto [letter, radix] : kPrefixes) {
    if (text.size() > 2 && text[0] == '0' && lower_ascii(text[1]) == letter && (base == radix || base == 0)) {
      text.remove_prefix(text[2] == '_' ? 3 : 2);
      base = radix;
    }
  }
  if (base == 0) base = 10;
}

// Underscores may stand between digits only.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    const bool between =
        i > 0 && i + 1 < text.size() && digit_value(text[i - 1]) < 99 && digit_value(text[i + 1]) < 99;
    if (!between) return std::nullopt;
  }
  return out;
}

bool is_float_syntax(std::string_view text) {
  std::size_t i = 0, digits = 0;
  auto run = [&] {
    while (i < text.size() && is_digit(text[i])) ++i, ++digits;
  };
  run();
  if (i < text.size() && text[i] == '.') ++i, run();
  if (digits == 0) return false;
  if (i < text.size() && lower_ascii(text[i]) == 'e') {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    digits = 0;
    run();
    if (digits == 0) return false;
  }
  return i == text.size();
}

}  // namespace

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  std::string out;
  if (text.front() == '-') {
    out = "-";
    text.remove_prefix(1);
  }
  const std::size_t e = text.find('e');
  const int exponent = std::atoi(std::string(text.substr(e + 1)).c_str());
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (count > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1)
    return out + digits + std::string(static_cast<std::size_t>(exponent + 1 - count), '0') + ".0";
  return out + digits.substr(0, static_cast<std::size_t>(exponent + 1)) + "." +
         digits.substr(static_cast<std::size_t>(exponent + 1));
}

std::optional<std::int64_t> parse_int(std::string_view text, int base) {
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  text = trimmed(text);
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  const bool any_base = base == 0;
  take_prefix(text, base);
  const auto digits = without_underscores(text);
  if (!digits || digits->empty()) return std::nullopt;
  std::uint64_t value = 0;
  bool overflow = false;
  for (char c : *digits) {
    if (digit_value(c) >= base) return std::nullopt;
    overflow |= __builtin_mul_overflow(value, static_cast<std::uint64_t>(base), &value);
    overflow |= __builtin_add_overflow(value, static_cast<std::uint64_t>(digit_value(c)), &value);
  }
  if (any_base && base == 10 && digits->size() > 1 && digits->front() == '0' && value != 0)
    return std::nullopt;
  if (overflow || value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    raise("the integer {} does not fit into 64 bits", text.substr(0, 40));
  return negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
}

std::optional<double> parse_float(std::string_view text) {
  text = trimmed(text);
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  std::string word;
  for (char c : text.substr(0, 9)) word += lower_ascii(c);
  double value = 0;
  if (word == "inf" || word == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (word == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    const auto digits = without_underscores(text);
    if (!digits || !is_float_syntax(*digits)) return std::nullopt;
    const auto read = std::from_chars(digits->data(), digits->data() + digits->size(), value);
    if (read.ec == std::errc::result_out_of_range) value = std::strtod(digits->c_str(), nullptr);
  }
  return negative ? -value : value;
}

std::int64_t truncate(double value) {
  if (std::isnan(value)) raise("cannot convert float NaN to integer");
  if (std::isinf(value)) raise("cannot convert float infinity to integer");
  if (!(value > -9.3e18 && value < 9.2233720368547758e18))
    raise("the integer {} does not fit into 64 bits", value);
  return static_cast<std::int64_t>(value);
}

double round_float(double value, std::int64_t digits) {
  if (!std::isfinite(value) || digits > 323) return value;
  if (digits < -308) return std::copysign(0.0, value);
  if (digits >= 0) {  // the decimal text is rounded from the exact value, half to even
    return *parse_float(fmt::format("{:.{}f}", value, digits));
  }
  const double power = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / power) * power;
}

std::int64_t round_int(std::int64_t value, std::int64_t digits) {
  if (digits >= 0) return value;
  if (digits < -18) return 0;
  std::int64_t power = 1;
  for (; digits < 0; ++digits) power *= 10;
  const std::int64_t rest = ((value % power) + power) % power;
  std::int64_t rounded = value - rest;
  const std::int64_t quotient = rounded / power;
  const bool up = rest > power - rest || (rest == power - rest && quotient % 2 != 0);
  if (up && __builtin_add_overflow(rounded, power, &rounded))
    raise("the rounded integer does not fit into 64 bits");
  return rounded;
}

}  // namespace verbatim::jinja
