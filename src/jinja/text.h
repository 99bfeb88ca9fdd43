// Text as Python sees it: by code point, with Python's white space, case and line ends.
// REQUIRES throughout: well-formed UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace verbatim::jinja {

class Heap;

// Reading text by code point, or searching it, takes about this many times as long as copying it: Heap::read is told so.
inline constexpr std::size_t kDecodingCost = 4;

std::size_t next_character(std::string_view text, std::size_t at);  // where the one at `at` ends
char32_t character_at(std::string_view text, std::size_t at);
std::size_t byte_offset(std::string_view text, std::int64_t character);  // text.size() beyond the end
std::int64_t count_characters(std::string_view text);
std::u32string decode(std::string_view text);
std::string encode(std::u32string_view text);

bool is_space(char32_t c);      // str.isspace
bool is_printable(char32_t c);  // str.isprintable
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);  // digits of base 10, category Nd
bool is_numeric(char32_t c);  // any number category
bool is_word(char32_t c);     // the \w of Python's re
bool is_cased(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string title(std::string_view text);       // str.title
std::string capitalize(std::string_view text);  // str.capitalize
std::string swapcase(std::string_view text);

enum class Side { both, left, right };
// chars: nullptr for white space
std::string_view strip(std::string_view text, Side side, const std::string* chars, Heap& heap);

// The first occurrence at or after `from`, in bytes; npos: none. Takes time linear in both lengths.
std::size_t find_text(std::string_view text, std::string_view wanted, std::size_t from, Heap& heap);
std::size_t rfind_text(std::string_view text, std::string_view wanted, Heap& heap);

// str.splitlines without the line ends
std::vector<std::string_view> split_lines(std::string_view text);

std::string escape_html(std::string_view text);  // as markupsafe does

}  // namespace verbatim::jinja
