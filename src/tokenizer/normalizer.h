// What happens to text before it is split and merged:
// Unicode normalisation and SentencePiece's handling of spaces.
#pragma once

#include <string>
#include <string_view>

namespace verbatim {

// Unicode Normalization Form C (UAX #15). Ill-formed UTF-8 stays as it is.
// O(n log n), also for endless runs of accents.
std::string normalize_nfc(std::string_view text);

// SentencePiece writes a space as U+2581 LOWER ONE EIGHTH BLOCK.
inline constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";
std::string escape_spaces(std::string_view text);
std::string unescape_spaces(std::string_view text);

// Drops spaces at both ends and makes every other run of spaces one (SentencePiece:
// remove_extra_whitespaces).
std::string remove_extra_spaces(std::string_view text);

}  // namespace verbatim
