#include "tokenizer/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"
#include "base/unicode.h"
#include "base/utf8.h"

namespace verbatim {
namespace {

static_assert(UTF8PROC_VERSION_MAJOR > 2 || UTF8PROC_VERSION_MINOR >= 8,
              "utf8proc older than 2.8 knows less than unicode::kVersion");

constexpr auto kNfc = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
constexpr std::size_t kLongestDecomposition = 18;  // of one character, in any normalisation form (U+FDFA)

int combining_class(utf8proc_int32_t code_point) {
  return utf8proc_get_property(code_point)->combining_class;
}

// The canonical ordering algorithm (The Unicode Standard, 3.11, D109) by a stable sort of each run of
// combining marks. utf8proc has its own, but that one is quadratic in the length of a run.
void order_canonically(std::vector<utf8proc_int32_t>& text) {
  auto is_starter = [](utf8proc_int32_t c) { return combining_class(c) == 0; };
  for (auto run = text.begin(); run != text.end();) {
    run = std::find_if_not(run, text.end(), is_starter);
    const auto end = std::find_if(run, text.end(), is_starter);
    std::stable_sort(run, end, [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    run = end;
  }
}

// REQUIRES: text is well-formed UTF-8, of assigned characters, whose normal form no version changes
// (https://www.unicode.org/policies/stability_policy.html)
void append_nfc(std::string_view text, std::string& out) {
  std::vector<utf8proc_int32_t> decomposed;
  decomposed.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char next = read_utf8(text, at);
    at += next.bytes;
    std::array<utf8proc_int32_t, kLongestDecomposition> parts;
    int boundary_class = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(next.code_point), parts.data(),
                                               parts.size(), kNfc, &boundary_class);
    CHECK(count >= 0 && static_cast<std::size_t>(count) <= parts.size(),
          "utf8proc could not decompose U+{:04X}: {}", static_cast<std::uint32_t>(next.code_point), count);
    decomposed.insert(decomposed.end(), parts.begin(), parts.begin() + count);
  }
  order_canonically(decomposed);
  const auto composed =
      utf8proc_normalize_utf32(decomposed.data(), static_cast<utf8proc_ssize_t>(decomposed.size()), kNfc);
  CHECK(composed >= 0, "utf8proc could not compose {} characters: {}", decomposed.size(), composed);
  for (utf8proc_ssize_t i = 0; i < composed; ++i) append_utf8(static_cast<char32_t>(decomposed[i]), out);
}

// How many bytes come before the first character that is not assigned.  REQUIRES: text is well-formed UTF-8
std::size_t assigned_bytes(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Utf8Char next = read_utf8(text, at);
    if (!unicode::is_assigned(next.code_point)) return at;
    at += next.bytes;
  }
  return at;
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t hit; (hit = text.find(from, at)) != std::string_view::npos; at = hit + from.size()) {
    out.append(text, at, hit - at).append(to);
  }
  return out.append(text, at);
}

}  // namespace

std::string normalize_nfc(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return std::string(text);
  }
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t good = well_formed_bytes(text, at), assigned = assigned_bytes(text.substr(at, good));
    append_nfc(text.substr(at, assigned), out);
    at += assigned;
    if (assigned < good) {  // a character that a later version may know: it stays, and joins nothing
      const std::size_t bytes = read_utf8(text, at).bytes;
      out.append(text, at, bytes);
      at += bytes;
      continue;
    }
    const std::size_t bad = ill_formed_bytes(text, at);
    out.append(text, at, bad);
    at += bad;
  }
  return out;
}

std::string escape_spaces(std::string_view text) { return replace_all(text, " ", kSpaceSymbol); }

std::string unescape_spaces(std::string_view text) { return replace_all(text, kSpaceSymbol, " "); }

std::string remove_extra_spaces(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out.push_back(c);
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace verbatim
