#include "jinja/string_literal.h"

#include "base/utf8.h"
#include "jinja/failure.h"

namespace verbatim::jinja {
namespace {

// The code point of `count` digits of base 8 or 16 at body[at...]; octal ones may be fewer.
char32_t take_code(std::string_view body, std::size_t& at, std::size_t count, unsigned base, int line) {
  std::uint32_t code = 0;
  std::size_t taken = 0;
  for (; taken < count && at < body.size(); ++taken, ++at) {
    const char c = body[at];
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                           : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                  : 99;
    if (digit >= base) break;
    code = code * base + digit;
  }
  if (base == 16 && taken < count) raise_at(line, "a string holds a truncated \\x, \\u or \\U escape");
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
    raise_at(line, "a string escapes U+{:04X}, which is no character", code);
  return code;
}

}  // namespace

std::string unescape_string(std::string_view body, int line) {
  constexpr std::string_view kLetters = "\\'\"abfnrtv", kMeanings = "\\'\"\a\b\f\n\r\t\v";
  std::string out;
  for (std::size_t at = 0; at < body.size();) {
    if (body[at] != '\\' || at + 1 == body.size()) {
      out += body[at++];
      continue;
    }
    const char letter = body[at + 1];
    at += 2;
    if (const std::size_t known = kLetters.find(letter); known != std::string_view::npos) {
      out += kMeanings[known];
    } else if (letter == 'x' || letter == 'u' || letter == 'U') {
      append_utf8(take_code(body, at, letter == 'x' ? 2 : letter == 'u' ? 4 : 8, 16, line), out);
    } else if (letter >= '0' && letter <= '7') {
      append_utf8(take_code(body, --at, 3, 8, line), out);
    } else if (letter == 'N') {
      raise_at(line, "the escape \\N in a string is not supported: write the character itself");
    } else if (letter != '\n') {  // a backslash before a line's end joins the lines
      out += {'\\', letter};
    }
  }
  return out;
}

}  // namespace verbatim::jinja
