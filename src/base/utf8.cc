#include "base/utf8.h"

#include "base/check.h"

namespace verbatim {
namespace {

using Form = Utf8Char::Form;

// How a sequence goes on after its first byte (The Unicode Standard, table 3-7, "Well-Formed UTF-8 Byte
// Sequences").
struct Lead {
  std::uint8_t bytes;                   // of the whole sequence; 0: no sequence starts with this byte
  std::uint8_t second_min, second_max;  // bounds of the second byte; later ones lie in 80..BF
};

constexpr Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};  // shorter forms exist below
  if (byte == 0xED) return {3, 0x80, 0x9F};  // surrogates lie above
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};  // U+10FFFF is the last
  return {0, 0, 0};
}

}  // namespace

Utf8Char read_utf8(std::string_view text, std::size_t at) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {Form::well_formed, 1, first};
  const Lead lead = lead_of(first);
  if (lead.bytes == 0) return {Form::ill_formed, 1, 0};

  char32_t code_point = first & (0x7Fu >> lead.bytes);
  for (std::uint8_t i = 1; i < lead.bytes; ++i) {
    if (at + i == text.size()) return {Form::cut_short, i, 0};
    const unsigned char min = i == 1 ? lead.second_min : 0x80;
    const unsigned char max = i == 1 ? lead.second_max : 0xBF;
    if (byte(i) < min || byte(i) > max) return {Form::ill_formed, i, 0};
    code_point = code_point << 6 | (byte(i) & 0x3Fu);
  }
  return {Form::well_formed, lead.bytes, code_point};
}

std::size_t well_formed_bytes(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size()) {
    const Utf8Char next = read_utf8(text, end);
    if (next.form != Form::well_formed) break;
    end += next.bytes;
  }
  return end - at;
}

std::size_t ill_formed_bytes(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size()) {
    const Utf8Char next = read_utf8(text, end);
    if (next.form == Form::well_formed) break;
    end += next.bytes;
  }
  return end - at;
}

void append_utf8(char32_t code_point, std::string& out) {
  CHECK(code_point < 0xD800 || (code_point > 0xDFFF && code_point < 0x110000),
        "U+{:04X} is not a Unicode scalar value", static_cast<std::uint32_t>(code_point));
  auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  auto put_low = [&](unsigned shift) { put(0x80 | (code_point >> shift & 0x3F)); };
  if (code_point < 0x80) return put(code_point);
  if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put_low(6);
  } else {
    put(0xF0 | code_point >> 18);
    put_low(12);
    put_low(6);
  }
  put_low(0);
}

std::string replace_ill_formed(std::string_view text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t good = well_formed_bytes(text, at);
    out.append(text, at, good);
    at += good;
    if (at == text.size()) break;
    at += read_utf8(text, at).bytes;
    out += kReplacement;
  }
  return out;
}

std::size_t cut_short_bytes(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const Utf8Char last = read_utf8(text, text.size() - back);
    if (last.form == Form::cut_short && last.bytes == back) return back;
  }
  return 0;
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

}  // namespace verbatim
