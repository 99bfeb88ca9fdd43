#include "tokenizer/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace verbatim {
namespace {

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

constexpr unsigned kLetters = 0x100 + 68;

struct Alphabet {
  std::array<std::uint16_t, 256> letter_of{};
  std::array<std::int16_t, kLetters> byte_of{};  // -1: no byte has this letter
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  alphabet.byte_of.fill(-1);
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const unsigned letter = stands_for_itself(byte) ? byte : next++;
    alphabet.letter_of[byte] = static_cast<std::uint16_t>(letter);
    alphabet.byte_of[letter] = static_cast<std::int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

std::string spell_bytes(std::string_view bytes) {
  std::string spelling;
  for (char c : bytes) append_utf8(kAlphabet.letter_of[static_cast<unsigned char>(c)], spelling);
  return spelling;
}

std::optional<std::string> bytes_of_spelling(std::string_view spelling) {
  std::string bytes;
  for (std::size_t at = 0; at < spelling.size();) {
    const Utf8Char letter = read_utf8(spelling, at);
    if (letter.form != Utf8Char::Form::well_formed || letter.code_point >= kLetters) return std::nullopt;
    const std::int16_t byte = kAlphabet.byte_of[letter.code_point];
    if (byte < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
    at += letter.bytes;
  }
  return bytes;
}

}  // namespace verbatim
