// UTF-8 read one character at a time, with one stated answer for every byte string.
//
// Ill-formed input is cut into "maximal subparts" (The Unicode Standard, 3.9, "U+FFFD Substitution of Maximal
// Subparts"): the longest prefix of a well-formed sequence that is there, or one byte. Each stands for one
// U+FFFD in decoded text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace verbatim {

struct Utf8Char {
  enum class Form : std::uint8_t {
    well_formed,
    ill_formed,  // `bytes` is a maximal subpart that no continuation can repair
    cut_short,   // the text ends inside a sequence that is well-formed so far
  };
  Form form = Form::well_formed;
  std::uint8_t bytes = 1;   // 1..4
  char32_t code_point = 0;  // only when well_formed
};

// The character that starts at text[at].   REQUIRES: at < text.size()
Utf8Char read_utf8(std::string_view text, std::size_t at);

// The longest prefix of text[at..] that is well-formed (ill_formed: that is not), in bytes;
// 0 at the end of the text.
std::size_t well_formed_bytes(std::string_view text, std::size_t at);
std::size_t ill_formed_bytes(std::string_view text, std::size_t at);

void append_utf8(char32_t code_point, std::string& out);  // REQUIRES: a Unicode scalar value

// The text with one U+FFFD in place of each ill-formed part.
std::string replace_ill_formed(std::string_view text);

// How many bytes at the end of the text are a character cut short: 0..3.
std::size_t cut_short_bytes(std::string_view text);

// The Unicode property White_Space (PropList.txt), which is what \s means in the pre-tokenizers' patterns.
bool is_white_space(char32_t code_point);

}  // namespace verbatim
