#include "constrain/text_set.h"

#include <algorithm>

namespace verbatim {
namespace {

constexpr std::uint32_t kPadding = UINT32_MAX;  // in the place of a length

}  // namespace

std::vector<std::uint32_t> pack_texts(std::vector<std::string> texts) {
  std::ranges::sort(texts);
  std::vector<std::uint32_t> words;
  for (const std::string& text : texts) {
    words.push_back(static_cast<std::uint32_t>(text.size()));
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (i % 4 == 0) words.push_back(0);
      words.back() |= std::uint32_t{static_cast<std::uint8_t>(text[i])} << 8 * (i % 4);
    }
  }
  if (words.size() % 2 != 0) words.push_back(kPadding);
  return words;
}

std::vector<std::string> unpack_texts(std::span<const std::uint32_t> words) {
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < words.size() && words[at] != kPadding;) {
    const std::size_t size = words[at++];
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(words[at + i / 4] >> 8 * (i % 4) & 0xFF);
    at += (size + 3) / 4;
    texts.push_back(std::move(text));
  }
  return texts;
}

std::vector<std::string> ends_after(const std::vector<std::string>& texts, std::string_view prefix) {
  std::vector<std::string> ends;
  for (const std::string& text : texts)
    if (text.starts_with(prefix)) ends.push_back(text.substr(prefix.size()));
  return ends;
}

}  // namespace verbatim
