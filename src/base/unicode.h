// Unicode's general categories, of one version for ever: what decides tokens must not depend on the libraries of a machine.
//
// The tables of PCRE2 and utf8proc differ from build to build. Whoever uses them asks here what a code point is, and
// shows them no code point that another version could see otherwise (stand_in()).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace verbatim::unicode {

inline constexpr std::string_view kVersion = "15.0.0";

// The order of UnicodeData.txt's abbreviations in tools/unicode/make_categories.py.
enum class Category : std::uint8_t {
  Lu,
  Ll,
  Lt,
  Lm,
  Lo,
  Mn,
  Mc,
  Me,
  Nd,
  Nl,
  No,
  Pc,
  Pd,
  Ps,
  Pe,
  Pi,
  Pf,
  Po,
  Sm,
  Sc,
  Sk,
  So,
  Zs,
  Zl,
  Zp,
  Cc,
  Cf,
  Cs,
  Co,
  Cn
};
inline constexpr std::size_t kCategories = 30;

// Cn: not assigned in this version, or beyond U+10FFFF
Category category_of(char32_t code_point);
inline bool is_assigned(char32_t code_point) { return category_of(code_point) != Category::Cn; }

// A code point of the same category and the same length in UTF-8 that has been so since Unicode 3.2 and will be; itself,
// where it is ASCII, White_Space, or folds to ASCII (U+017F, U+212A). In place of what is not assigned stands a
// noncharacter; of two bytes there is none, and U+0080 (Cc) stands there.
char32_t stand_in(char32_t code_point);

// The generated tables: runs as first code point * 32 + category, and stand-ins of 2, 3 and 4 bytes.
extern const std::uint32_t kCategoryRuns[];
extern const std::size_t kCategoryRunCount;
extern const char32_t kRepresentatives[kCategories][3];

}  // namespace verbatim::unicode
