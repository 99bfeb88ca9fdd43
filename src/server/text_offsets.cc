#include "server/text_offsets.h"

namespace verbatim::server {
namespace {

// Where `piece` stands in what is left of a text: at its beginning; without a space that the tokenizer put before it; or a
// little further on, where a normaliser changed what lies between. nullopt: nowhere.
struct Standing {
  std::size_t skipped, bytes;
};
std::optional<Standing> standing_of(std::string_view piece, std::string_view left) {
  constexpr std::size_t kNear = 16;
  if (left.starts_with(piece)) return Standing{0, piece.size()};
  if (piece.starts_with(' ') && left.starts_with(piece.substr(1))) return Standing{0, piece.size() - 1};
  const std::size_t at = left.substr(0, piece.size() + kNear).find(piece);
  if (at == left.npos) return {};
  return Standing{at, piece.size()};
}

}  // namespace

void CharacterCounter::pass(std::string_view bytes) {
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80 && missing_ > 0) {
      --missing_;
      continue;
    }
    ++begun_;
    missing_ = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : byte >= 0xC0 ? 1 : 0;
  }
}

std::int64_t characters_in(std::string_view text) {
  CharacterCounter counter;
  counter.pass(text);
  return counter.index();
}

std::vector<std::int64_t> prompt_offsets(std::span<const std::int32_t> tokens, std::string_view text,
                                         const Tokenizer& tokenizer) {
  std::vector<std::int64_t> offsets;
  CharacterCounter counter;
  for (std::int32_t token : tokens) {
    const auto standing = standing_of(tokenizer.token_bytes(token), text);
    if (standing) counter.pass(text.substr(0, standing->skipped));
    offsets.push_back(counter.index());
    if (!standing) continue;
    counter.pass(text.substr(standing->skipped, standing->bytes));
    text.remove_prefix(standing->skipped + standing->bytes);
  }
  return offsets;
}

}  // namespace verbatim::server
