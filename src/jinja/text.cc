#include "jinja/text.h"

#include <string.h>  // memmem, of glibc
#include <utf8proc.h>

#include <algorithm>

#include "base/unicode.h"
#include "base/utf8.h"
#include "jinja/heap.h"
#include "jinja/upper_expansions.h"

namespace verbatim::jinja {
namespace {

static_assert(UTF8PROC_VERSION_MAJOR > 2 || UTF8PROC_VERSION_MINOR >= 8,
              "utf8proc older than 2.8 knows less than unicode::kVersion");

using unicode::Category;
using unicode::category_of;

// A later version may map what is not assigned, or map to it.
char32_t mapped(utf8proc_int32_t (*map)(utf8proc_int32_t), char32_t c) {
  const auto to = static_cast<char32_t>(map(static_cast<utf8proc_int32_t>(c)));
  return unicode::is_assigned(c) && unicode::is_assigned(to) ? to : c;
}

void append_upper(char32_t c, std::u32string& out) {
  const std::u32string_view expansion = upper_expansion(c);
  if (expansion.empty()) {
    out += mapped(utf8proc_toupper, c);
  } else {
    out += expansion;
  }
}

void append_title(char32_t c, std::u32string& out) {
  const std::u32string_view expansion = upper_expansion(c);
  if (expansion.empty()) {
    out += mapped(utf8proc_totitle, c);
  } else {
    out += expansion.front();
    for (char32_t next : expansion.substr(1)) out += mapped(utf8proc_tolower, next);
  }
}

// The lower case of text[i]. A capital sigma at the end of a word is a final sigma.
void append_lower(std::u32string_view text, std::size_t i, std::u32string& out) {
  constexpr char32_t kSigma = 0x3A3, kFinalSigma = 0x3C2, kDottedI = 0x130;
  if (text[i] == kDottedI) {
    out += U"i\u0307";
  } else if (text[i] == kSigma) {
    const bool after = i > 0 && is_cased(text[i - 1]);
    const bool before = i + 1 < text.size() && is_cased(text[i + 1]);
    out += after && !before ? kFinalSigma : U'\u03C3';
  } else {
    out += mapped(utf8proc_tolower, text[i]);
  }
}

bool all_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
}

// Each character of `text` changed by `change(text, i, out)`.
template <class Change>
std::string map_characters(std::string_view bytes, Change change) {
  const std::u32string text = decode(bytes);
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) change(std::u32string_view(text), i, out);
  return encode(out);
}

std::string ascii_case(std::string_view text, char first, char last) {
  std::string out(text);
  for (char& c : out) {
    if (c >= first && c <= last) c = static_cast<char>(c ^ 0x20);
  }
  return out;
}

}  // namespace

std::size_t next_character(std::string_view text, std::size_t at) { return at + read_utf8(text, at).bytes; }
char32_t character_at(std::string_view text, std::size_t at) { return read_utf8(text, at).code_point; }

std::size_t byte_offset(std::string_view text, std::int64_t character) {
  std::size_t at = 0;
  while (character > 0 && at < text.size()) {
    at = next_character(text, at);
    --character;
  }
  return at;
}

std::int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::u32string decode(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = read_utf8(text, at);
    out += c.code_point;
    at += c.bytes;
  }
  return out;
}

std::string encode(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char32_t c : text) append_utf8(c, out);
  return out;
}

bool is_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }
bool is_printable(char32_t c) { return c < 0x7F ? c >= 0x20 : category_of(c) < Category::Zs; }
bool is_alpha(char32_t c) { return category_of(c) <= Category::Lo; }
bool is_decimal(char32_t c) { return category_of(c) == Category::Nd; }
bool is_numeric(char32_t c) { return category_of(c) >= Category::Nd && category_of(c) <= Category::No; }
bool is_word(char32_t c) { return c == '_' || is_alpha(c) || is_numeric(c); }
bool is_upper(char32_t c) { return category_of(c) == Category::Lu; }
bool is_lower(char32_t c) { return category_of(c) == Category::Ll; }
bool is_cased(char32_t c) { return category_of(c) <= Category::Lt; }

std::string upper(std::string_view text) {
  if (all_ascii(text)) return ascii_case(text, 'a', 'z');
  return map_characters(text, [](auto t, std::size_t i, auto& out) { append_upper(t[i], out); });
}
std::string lower(std::string_view text) {
  if (all_ascii(text)) return ascii_case(text, 'A', 'Z');
  return map_characters(text, [](auto t, std::size_t i, auto& out) { append_lower(t, i, out); });
}
std::string title(std::string_view text) {
  return map_characters(text, [](auto t, std::size_t i, auto& out) {
    if (i > 0 && is_cased(t[i - 1])) {
      append_lower(t, i, out);
    } else {
      append_title(t[i], out);
    }
  });
}
std::string capitalize(std::string_view text) {
  return map_characters(text, [](auto t, std::size_t i, auto& out) {
    if (i > 0) {
      append_lower(t, i, out);
    } else {
      append_title(t[i], out);
    }
  });
}
std::string swapcase(std::string_view text) {
  return map_characters(text, [](auto t, std::size_t i, auto& out) {
    if (is_upper(t[i])) {
      append_lower(t, i, out);
    } else if (is_lower(t[i])) {
      append_upper(t[i], out);
    } else {
      out += t[i];
    }
  });
}

std::string_view strip(std::string_view text, Side side, const std::string* chars, Heap& heap) {
  auto stripped = [&](std::string_view character) {
    if (!chars) return is_space(character_at(character, 0));
    heap.read(chars->size());
    return chars->find(character) != std::string::npos;
  };
  if (side != Side::right) {
    while (!text.empty()) {
      const std::size_t end = next_character(text, 0);
      if (!stripped(text.substr(0, end))) break;
      text.remove_prefix(end);
    }
  }
  if (side != Side::left) {
    while (!text.empty()) {
      std::size_t begin = text.size() - 1;
      while ((text[begin] & 0xC0) == 0x80) --begin;
      if (!stripped(text.substr(begin))) break;
      text.remove_suffix(text.size() - begin);
    }
  }
  return text;
}

std::size_t find_text(std::string_view text, std::string_view wanted, std::size_t from, Heap& heap) {
  if (wanted.empty()) return from <= text.size() ? from : std::string::npos;
  if (from >= text.size()) return std::string::npos;
  const void* found = memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  const std::size_t at =
      found ? static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) : std::string::npos;
  heap.read(kDecodingCost * (std::min(at, text.size()) - from + wanted.size()));
  return at;
}

std::size_t rfind_text(std::string_view text, std::string_view wanted, Heap& heap) {
  heap.step(1 + static_cast<std::int64_t>(text.size() *
                                          (1 + std::min<std::size_t>(wanted.size(), 1024) / 16) / 64));
  if (wanted.size() > 1024)
    raise("searching backwards for a text of {} bytes is not supported", wanted.size());
  return text.rfind(wanted);
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = character_at(text, at);
    const std::size_t end = at;
    at = next_character(text, at);
    const bool ends_line =
        (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!ends_line) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(begin, end - begin));
    begin = at;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace verbatim::jinja
