// SentencePiece's BPE: a piece's characters are the first symbols; two neighbours merge when their joint text
// is a token, best score first (or, for vocabularies that come with a merge list, when they are listed,
// lowest rank first).
//
// A character that is no token becomes its bytes' <0xXX> tokens; where one of these is missing, the unknown
// token; where there is none either, nothing. Ill-formed bytes are characters of one byte each. As in
// SentencePiece (bpe_model.cc), merging never makes a control, unknown or byte token. Immutable once made;
// safe to use from many threads.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "load/tokenizer_data.h"
#include "tokenizer/merge.h"
#include "tokenizer/vocabulary.h"

namespace verbatim {

class SentencePieceBpe {
 public:
  static Result<SentencePieceBpe> create(const TokenizerData& data, const Vocabulary& vocabulary);

  // Appends the ids of one piece, whose spaces are already U+2581; when stop is due, those of what was merged so far.
  void encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& ids,
              Stop& stop) const;

 private:
  SentencePieceBpe(const TokenizerData& data, const Vocabulary& vocabulary);
  Result<MergeTable> scored_pairs(const TokenizerData& data, const Vocabulary& vocabulary) const;

  std::int32_t symbol_of(char32_t code_point) const;
  std::optional<std::int32_t> symbol_of_text(std::string_view text, const Vocabulary& vocabulary) const;
  void append_fallback(std::int32_t symbol, std::vector<std::int32_t>& ids) const;

  std::unordered_map<char32_t, std::int32_t> id_of_char_;
  std::array<std::optional<std::int32_t>, 256> id_of_byte_;
  MergeTable merges_;
  std::optional<std::int32_t> unknown_;
};

}  // namespace verbatim
