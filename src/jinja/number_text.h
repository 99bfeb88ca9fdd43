// Numbers as Python writes and reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace verbatim::jinja {

// The characters that numbers are made of.
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr char lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string float_repr(double value);  // repr(float): the shortest text that reads back the same

// int(text, base) and float(text); nullopt where Python raises ValueError. Integers beyond 64 bits raise.
std::optional<std::int64_t> parse_int(std::string_view text, int base = 10);
std::optional<double> parse_float(std::string_view text);

// int(value); raises on nan, infinity and beyond 64 bits.
std::int64_t truncate(double value);

// round(value, digits)
double round_float(double value, std::int64_t digits);
std::int64_t round_int(std::int64_t value, std::int64_t digits);

}  // namespace verbatim::jinja
