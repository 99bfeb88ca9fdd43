// Texts as 32-bit words: what the frames of set and member rules hold (configurations.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace verbatim {

// So many bytes of a text are remembered: texts that agree in them count as equal.
inline constexpr std::size_t kMostCompared = 64;
// In words, of one set: beyond, nothing is added.
inline constexpr std::size_t kMostRemembered = 2048;

// An even number of words; equal sets of texts have equal words.
std::vector<std::uint32_t> pack_texts(std::vector<std::string> texts);
std::vector<std::string> unpack_texts(std::span<const std::uint32_t> words);

// The ends of those that begin with `prefix`.
std::vector<std::string> ends_after(const std::vector<std::string>& texts, std::string_view prefix);

}  // namespace verbatim
