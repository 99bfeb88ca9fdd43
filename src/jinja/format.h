// Python's three ways to format: format specifications ("{:>8.2f}"), str.format and text % values.
#pragma once

#include <string>
#include <string_view>

#include "jinja/value.h"

namespace verbatim::jinja {

// The standard format specification (Python library reference, "Format Specification Mini-Language"); the flags of %
// are written in the same terms. Not supported: '0' or a width that fills with grouped digits.
struct FormatSpec {
  std::string fill = " ";  // one character
  char align = 0;          // '<', '>', '^', '='; 0: as the type has it
  char sign = '-';         // '-', '+', ' '
  bool alternate = false;
  std::int64_t width = 0;
  char grouping = 0;            // ',' or '_'
  std::int64_t precision = -1;  // -1: none
  char type = 0;
};

FormatSpec parse_format_spec(std::string_view text);
std::string pad(std::string text, const FormatSpec& spec, char default_align, Heap& heap);
std::string format_int(std::int64_t value, const FormatSpec& spec, Heap& heap);
std::string format_float(double value, const FormatSpec& spec, Heap& heap);
std::string format_value(const Value& value, std::string_view spec, Heap& heap);  // format(value, spec)

std::string percent_format(std::string_view format, const Value& values, Heap& heap);  // format % values
std::string brace_format(std::string_view format, const Arguments& arguments,
                         Runtime& runtime);  // str.format

}  // namespace verbatim::jinja
