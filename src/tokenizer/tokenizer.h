// Tokenizer: text <-> token ids, for the vocabularies that models come with. Start here.
//
//   text -> added tokens cut out (added_tokens.h) -> normalised (normalizer.h) -> pieces (pre_tokenizer.h)
//        -> merged into tokens (bpe.h, spm.h)
//
// Promises: the ids are a pure function of the file and the text. Any bytes are accepted. With a byte-level
// vocabulary that has all 256 bytes and no normalisation, decode_bytes(encode(x)) == x for every x. Without
// parse_special no text yields a special token (but the unknown one). Cost is O(n log n) in the text's
// length. Not here: chat templates; padding and truncation; the "clean up" of spaces before punctuation that
// some libraries do.
// Immutable once made; safe to use from many threads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "load/tokenizer_data.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/spm.h"
#include "tokenizer/vocabulary.h"

namespace verbatim {

struct EncodeOptions {
  bool add_special = true;     // BOS and EOS where the model wants them
  bool parse_special = false;  // "<|im_end|>" in the text is that token, not ten characters
};

struct DecodeOptions {
  bool skip_special = true;
  // The ids are a whole text, so the space that encode put before it is taken away again. False for ids that
  // continue a text, such as generated ones.
  bool text_start = true;
};

class Tokenizer {
 public:
  // Errors name the field (as GGUF calls it), the value, and the token where one applies.
  static Result<Tokenizer> create(const TokenizerData& data);

  // Fails only when stop is due, and where a model file's own pattern needs unreasonable backtracking (see
  // PreTokenizer::split).
  Result<std::vector<std::int32_t>> encode(std::string_view text, EncodeOptions options = {},
                                           Stop stop = {}) const;

  // The raw bytes that a token stands for, which need not be whole characters. Special tokens: their text.
  // An id outside the vocabulary stands for none: models pad their output beyond it.
  std::string_view token_bytes(std::int32_t id) const;

  // decode is decode_bytes with each ill-formed part as U+FFFD: always well-formed UTF-8.
  std::string decode(std::span<const std::int32_t> ids, DecodeOptions options = {}) const;
  std::string decode_bytes(std::span<const std::int32_t> ids, DecodeOptions options = {}) const;

  std::int32_t vocab_size() const { return vocabulary_.size(); }
  std::optional<std::int32_t> bos() const { return bos_; }
  std::optional<std::int32_t> eos() const { return eos_; }
  bool adds_bos() const { return add_bos_; }
  bool adds_eos() const { return add_eos_; }
  std::span<const std::int32_t> stop_ids() const { return stop_ids_; }  // sorted
  bool is_stop(std::int32_t id) const;
  bool is_special(std::int32_t id) const { return vocabulary_.contains(id) && vocabulary_.is_special(id); }
  // The id of a token by its text as the file spells it.
  std::optional<std::int32_t> find(std::string_view token_text) const { return vocabulary_.find(token_text); }

  // PreTokenizer::library_version()
  std::string library_version() const { return pre_tokenizer_.library_version(); }

  // The bytes of one token at a place in a text: what decoding appends. `at_start` says that nothing came
  // before, and is cleared by the first byte.
  std::string_view decode_step(std::int32_t id, bool skip_special, bool& at_start) const;

 private:
  // Where a space goes before text that SentencePiece vocabularies encode; see TokenizerData.
  struct SpacePrefix {
    bool wanted = false, first_only = false, unless_present = false;
  };
  using Model = std::variant<ByteLevelBpe, SentencePieceBpe>;

  Tokenizer(const TokenizerData& data, Vocabulary vocabulary, PreTokenizer pre_tokenizer, Model model);
  Status encode_plain(std::string_view text, bool first, bool parse_special, MergeScratch& scratch,
                      Stop& stop, std::vector<std::int32_t>& ids) const;
  std::string normalized(std::string_view text, bool first) const;
  std::string with_spaces_escaped(std::string_view text, bool first) const;

  Vocabulary vocabulary_;
  PreTokenizer pre_tokenizer_;
  Model model_;
  std::optional<std::int32_t> bos_, eos_;
  std::vector<std::int32_t> stop_ids_;
  bool add_bos_ = false, add_eos_ = false;
  bool nfc_ = false;
  bool remove_extra_spaces_ = false;
  bool escapes_spaces_first_ = false;  // in the normaliser, not after it
  SpacePrefix space_prefix_;
  std::optional<AddedTokens> added_;  // last: made with all of the above
};

}  // namespace verbatim
