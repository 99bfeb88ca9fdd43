#include "report/json_writer.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/utf8.h"

namespace verbatim::report {
namespace {

constexpr std::int64_t kLastExactInteger = std::int64_t{1} << 53;

void append_unit(char32_t unit, std::string& out) {
  fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(unit));
}

void append_character(char32_t c, std::string& out) {
  bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
  if (plain) {
    out += static_cast<char>(c);
  } else if (c < 0x10000) {
    append_unit(c, out);
  } else {  // a pair of surrogates
    append_unit(0xd800 + ((c - 0x10000) >> 10), out);
    append_unit(0xdc00 + ((c - 0x10000) & 0x3ff), out);
  }
}

void append_string(std::string_view bytes, std::string& out) {
  out += '"';
  for (std::size_t at = 0; at < bytes.size();) {
    Utf8Char next = read_utf8(bytes, at);
    if (next.form == Utf8Char::Form::well_formed) {
      append_character(next.code_point, out);
    } else {
      for (char byte : bytes.substr(at, next.bytes))
        append_unit(0xdc00 + static_cast<unsigned char>(byte), out);
    }
    at += next.bytes;
  }
  out += '"';
}

}  // namespace

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  append_string(name, text_);
  text_ += ':';
  first_ = true;
  return *this;
}

void JsonWriter::value(std::string_view bytes) {
  separate();
  append_string(bytes, text_);
}

void JsonWriter::value(double number) {
  if (std::isnan(number)) return value(std::string_view("NaN"));
  if (std::isinf(number)) return value(std::string_view(number < 0 ? "-Infinity" : "Infinity"));
  separate();
  fmt::format_to(std::back_inserter(text_), "{}", number);
}

void JsonWriter::value(std::int64_t number) {
  if (number > kLastExactInteger || number < -kLastExactInteger)
    return value(std::string_view(std::to_string(number)));
  separate();
  text_ += std::to_string(number);
}

void JsonWriter::null() {
  separate();
  text_ += "null";
}

}  // namespace verbatim::report
