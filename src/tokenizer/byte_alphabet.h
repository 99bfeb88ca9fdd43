// The byte alphabet of GPT-2: each of the 256 bytes written as one printable character, so that a vocabulary
// of byte strings can be kept in text files. Bytes that print in Latin-1 stand for themselves; the other 68
// are U+0100 onwards in increasing order ("Language Models are Unsupervised Multitask Learners", encoder.py:
// bytes_to_unicode).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace verbatim {

// bytes -> their spelling
std::string spell_bytes(std::string_view bytes);

// spelling -> bytes; nothing when a character lies outside the alphabet
std::optional<std::string> bytes_of_spelling(std::string_view spelling);

}  // namespace verbatim
