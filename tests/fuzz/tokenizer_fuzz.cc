// Fuzz target: any bytes are text. The first two bytes choose the vocabulary, the splitting and the options;
// the rest is the text. Checked: encoding succeeds; ids lie in the vocabulary and hold no special token
// unless they were asked for; a byte-level vocabulary gives the text back; pieces of the incremental decoder
// join to decode().
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/incremental_decoder.h"
#include "tokenizer/named_pre_tokenizers.h"
#include "tokenizer/tokenizer.h"

namespace verbatim {
namespace {

void add(TokenizerData& data, std::string text, TokenType type, float score = 0) {
  data.tokens.push_back(std::move(text));
  data.types.push_back(type);
  data.scores.push_back(score);
}

void add_common(TokenizerData& data) {
  data.bos = static_cast<std::int32_t>(data.tokens.size());
  add(data, "<s>", TokenType::control);
  add(data, "<tool>", TokenType::user_defined);
  add(data, "  ", TokenType::user_defined);
}

TokenizerData byte_level(std::string_view pre_tokenizer) {
  TokenizerData data;
  data.kind = TokenizerKind::bpe;
  data.pre_tokenizer = pre_tokenizer;
  for (int byte = 0; byte < 256; ++byte) {
    add(data, spell_bytes(std::string(1, static_cast<char>(byte))), TokenType::normal);
  }
  const std::array<std::pair<std::string, std::string>, 6> merges = {
      {{"a", "a"}, {"\xC3", "\xA9"}, {" ", "a"}, {"aa", "aa"}, {"<", "s"}, {"<s", ">"}}};
  add_common(data);
  for (const auto& [left, right] : merges) {
    if (left + right != "<s>") add(data, spell_bytes(left + right), TokenType::normal);
    data.merges.emplace_back(spell_bytes(left), spell_bytes(right));
  }
  return data;
}

TokenizerData sentencepiece() {
  TokenizerData data;
  data.kind = TokenizerKind::spm;
  data.unk = 0;
  add(data, "<unk>", TokenType::unknown);
  for (int byte = 0; byte < 256; ++byte) add(data, fmt::format("<0x{:02X}>", byte), TokenType::byte);
  for (const char* text :
       {"a", "\u2581", "aa", "\u2581a", "aaaa", "\u00E9", "a\u00E9", "<s", "<0x0A", "\u4E2D\u6587"}) {
    add(data, text, TokenType::normal, -static_cast<float>(data.tokens.size() % 4));
  }
  add_common(data);
  return data;
}

void check_text(const Tokenizer& tokenizer, std::string_view text, EncodeOptions encoding,
                DecodeOptions decoding, bool round_trips) {
  const auto ids = tokenizer.encode(text, encoding);
  CHECK(ids.ok(), "encode failed: {}", ids.error().message);
  IncrementalDecoder decoder(tokenizer, decoding);
  std::string joined;
  for (std::int32_t id : *ids) {
    CHECK(id >= 0 && id < tokenizer.vocab_size(), "id {} lies outside the vocabulary", id);
    CHECK(encoding.add_special || encoding.parse_special || !tokenizer.is_special(id) ||
              tokenizer.token_bytes(id) == "<unk>",
          "text made the special token {}", id);
    joined += decoder.push(id);
  }
  joined += decoder.flush();
  CHECK(joined == tokenizer.decode(*ids, decoding), "the pieces of {} ids do not join to decode()",
        ids->size());
  if (round_trips) {
    const std::string back = tokenizer.decode_bytes(*ids, {.skip_special = !encoding.parse_special});
    CHECK(back == (encoding.add_special && encoding.parse_special && tokenizer.adds_bos() ? "<s>" : "") +
                      std::string(text),
          "{} bytes came back as {}", text.size(), back.size());
  }
}

}  // namespace
}  // namespace verbatim

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace verbatim;
  if (size < 2) return 0;
  const auto rows = named_pre_tokenizers();
  const std::size_t choice = data[0] % (rows.size() + 1);
  const std::uint8_t flags = data[1];
  auto flag = [&](int bit) { return (flags >> bit & 1) != 0; };

  const bool byte_level_vocabulary = choice < rows.size();
  TokenizerData vocabulary = byte_level_vocabulary ? byte_level(rows[choice].names.front()) : sentencepiece();
  vocabulary.add_bos = flag(0);
  vocabulary.normalizer = flag(1) ? "nfc" : "";
  vocabulary.ignore_merges = flag(2);
  vocabulary.remove_extra_whitespaces = flag(3);
  vocabulary.space_prefix_first_only = flag(4);
  const bool nfc = flag(1) || (byte_level_vocabulary && rows[choice].nfc);

  const auto tokenizer = Tokenizer::create(vocabulary);
  CHECK(tokenizer.ok(), "the vocabulary of the fuzz target is refused: {}", tokenizer.error().message);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  check_text(*tokenizer, text, {.add_special = flag(5), .parse_special = flag(6)},
             {.skip_special = flag(7), .text_start = flag(0)}, byte_level_vocabulary && !nfc);
  return 0;
}
