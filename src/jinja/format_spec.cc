#include <algorithm>
#include <cmath>

#include "jinja/format.h"
#include "jinja/heap.h"
#include "jinja/number_text.h"
#include "jinja/repr.h"
#include "jinja/text.h"

namespace verbatim::jinja {
namespace {

constexpr std::int64_t kMaxPrecision = 1000;

bool is_align(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

std::int64_t take_number(std::string_view text, std::size_t& at) {
  std::int64_t number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = number * 10 + (text[at] - '0');
    if (number > 1'000'000'000) raise("Too many decimal digits in format string");
  }
  return number;
}

std::string grouped(std::string digits, char separator, std::size_t size) {
  for (std::size_t at = digits.size(); at > size;) digits.insert(at -= size, 1, separator);
  return digits;
}

// Sign and prefix, then digits, padded: '=' puts the padding between the two.
std::string pad_number(std::string prefix, const std::string& digits, const FormatSpec& spec, Heap& heap) {
  if (spec.align != '=') return pad(prefix + digits, spec, '>', heap);
  FormatSpec inner = spec;
  inner.width -= static_cast<std::int64_t>(prefix.size());
  inner.align = '>';
  return prefix + pad(digits, inner, '>', heap);
}

std::string sign_of(bool negative, const FormatSpec& spec) {
  return negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
}

std::string stripped_zeros(std::string text) {  // of "1.500e+10" or "1.500": what %g leaves away
  const std::size_t e = std::min(text.find('e'), text.size());
  std::string digits = text.substr(0, e);
  if (digits.find('.') != std::string::npos) {
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') digits.pop_back();
  }
  return digits + text.substr(e);
}

// %g of a finite number >= 0. add_dot: the format of a float without a type, which keeps ".0".
std::string general(double value, std::int64_t precision, bool alternate, bool add_dot) {
  precision = std::max<std::int64_t>(precision, 1);
  std::string scientific = fmt::format("{:.{}e}", value, precision - 1);
  const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
  if (exponent < -4 || exponent >= precision - (add_dot ? 1 : 0))
    return alternate ? scientific : stripped_zeros(scientific);
  std::string fixed = fmt::format("{:.{}f}", value, std::max<std::int64_t>(0, precision - 1 - exponent));
  if (alternate) return fixed.find('.') == std::string::npos ? fixed + '.' : fixed;
  fixed = stripped_zeros(fixed);
  return add_dot && fixed.find('.') == std::string::npos ? fixed + ".0" : fixed;
}

std::string float_digits(double value, const FormatSpec& spec) {  // value >= 0 or nan
  const char type = static_cast<char>(spec.type | 0x20);
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : "inf";
  const std::int64_t precision = spec.precision < 0 ? 6 : spec.precision;
  std::string dot = spec.alternate && precision == 0 ? "." : "";
  switch (type) {
    case 'f':
      return fmt::format("{:.{}f}", value, precision) + dot;
    case '%' | 0x20:
      return fmt::format("{:.{}f}", value * 100, precision) + dot + "%";
    case 'e': {
      std::string text = fmt::format("{:.{}e}", value, precision);
      return text.insert(text.find('e'), dot);
    }
    case 'g':
    case 'n':
      return general(value, precision, spec.alternate, false);
    default:
      return spec.precision < 0 ? float_repr(value) : general(value, spec.precision, false, true);
  }
}

}  // namespace

FormatSpec parse_format_spec(std::string_view text) {
  FormatSpec spec;
  std::size_t at = 0;
  auto take = [&](char wanted) { return at < text.size() && text[at] == wanted ? (++at, true) : false; };
  const std::size_t first = text.empty() ? 0 : next_character(text, 0);
  if (first < text.size() && is_align(text[first])) {
    spec.fill = text.substr(0, first);
    spec.align = text[first];
    at = first + 1;
  } else if (!text.empty() && is_align(text[0])) {
    spec.align = text[0];
    at = 1;
  }
  if (at < text.size() && (text[at] == '+' || text[at] == '-' || text[at] == ' ')) spec.sign = text[at++];
  spec.alternate = take('#');
  if (take('0') && spec.align == 0) {
    spec.fill = "0";
    spec.align = '=';
  }
  spec.width = take_number(text, at);
  if (at < text.size() && (text[at] == ',' || text[at] == '_')) spec.grouping = text[at++];
  if (take('.')) {
    const std::size_t begin = at;
    spec.precision = take_number(text, at);
    if (at == begin) raise("Format specifier missing precision");
  }
  if (at < text.size()) spec.type = text[at++];
  if (at < text.size()) raise("Invalid format specifier '{}'", text);
  if (spec.grouping && spec.fill == "0" && spec.width > 0)
    raise("the format specifier '{}' is not supported: it fills with grouped zeros", text);
  return spec;
}

std::string pad(std::string text, const FormatSpec& spec, char default_align, Heap& heap) {
  const std::int64_t missing = spec.width - count_characters(text);
  if (missing <= 0) return text;
  heap.require_room(missing, spec.fill.size());
  heap.read(static_cast<std::size_t>(missing));
  const char align = spec.align ? spec.align : default_align;
  const std::int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string out;
  for (std::int64_t i = 0; i < left; ++i) out += spec.fill;
  out += text;
  for (std::int64_t i = left; i < missing; ++i) out += spec.fill;
  return out;
}

std::string format_int(std::int64_t value, const FormatSpec& spec, Heap& heap) {
  if (spec.type != 0 && std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos)
    return format_float(static_cast<double>(value), spec, heap);
  if (spec.precision >= 0) raise("Precision not allowed in integer format specifier");
  if (spec.type == 'c') raise("the format type 'c' is not supported");
  const bool negative = value < 0;
  const std::uint64_t size =
      negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::string digits, prefix;
  std::size_t group = 4;
  switch (spec.type) {
    case 'b':
      digits = fmt::format("{:b}", size), prefix = "0b";
      break;
    case 'o':
      digits = fmt::format("{:o}", size), prefix = "0o";
      break;
    case 'x':
      digits = fmt::format("{:x}", size), prefix = "0x";
      break;
    case 'X':
      digits = fmt::format("{:X}", size), prefix = "0X";
      break;
    case 0:
    case 'd':
    case 'n':
      digits = fmt::format("{}", size), group = 3;
      break;
    default:
      raise("Unknown format code '{}' for object of type 'int'", spec.type);
  }
  if (spec.grouping == ',' && group != 3) raise("Cannot specify ',' with '{}'.", spec.type);
  if (spec.grouping) digits = grouped(digits, spec.grouping, group);
  return pad_number(sign_of(negative, spec) + (spec.alternate ? prefix : ""), digits, spec, heap);
}

std::string format_float(double value, const FormatSpec& spec, Heap& heap) {
  if (spec.type != 0 && std::string_view("eEfFgGn%").find(spec.type) == std::string_view::npos)
    raise("Unknown format code '{}' for object of type 'float'", spec.type);
  if (spec.precision > kMaxPrecision) raise("a precision above {} is not supported", kMaxPrecision);
  const bool negative = std::signbit(value) && !std::isnan(value);
  std::string digits = float_digits(std::fabs(value), spec);
  if (spec.type == 'E' || spec.type == 'F' || spec.type == 'G') digits = upper(digits);
  if (spec.grouping) {
    const std::size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
    digits = grouped(digits.substr(0, whole), spec.grouping, 3) + digits.substr(whole);
  }
  return pad_number(sign_of(negative, spec), digits, spec, heap);
}

std::string format_value(const Value& value, std::string_view text, Heap& heap) {
  if (text.empty()) return str(value, heap);
  const FormatSpec spec = parse_format_spec(text);
  if (auto integer = value.integer()) return format_int(*integer, spec, heap);
  if (auto real = value.real()) return format_float(*real, spec, heap);
  const Text* string = value.text();
  if (!string) raise("unsupported format string passed to {}.__format__", value.type_name());
  if (spec.type != 0 && spec.type != 's')
    raise("Unknown format code '{}' for object of type 'str'", spec.type);
  if (spec.sign != '-' || spec.alternate || spec.grouping || (spec.align == '=' && spec.fill != "0"))
    raise("Invalid format specifier '{}' for object of type 'str'", text);
  if (spec.align == '=') raise("'=' alignment not allowed in string format specifier");
  std::string cut = string->bytes;
  if (spec.precision >= 0) cut.resize(byte_offset(cut, spec.precision));
  return pad(std::move(cut), spec, '<', heap);
}

}  // namespace verbatim::jinja
