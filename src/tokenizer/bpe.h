// Byte-level BPE (GPT-2 and its many children): a piece's bytes are the first symbols,
// listed pairs merge by rank.
//
// A merge into a special token is left out: text alone never becomes a special token. A byte that the
// vocabulary lacks becomes the unknown token, or nothing where there is none. Immutable once made; safe to
// use from many threads.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "load/tokenizer_data.h"
#include "tokenizer/merge.h"
#include "tokenizer/vocabulary.h"

namespace verbatim {

class ByteLevelBpe {
 public:
  // ignore_merges: a whole piece that is a token is taken as it is, whatever the merges say.
  static Result<ByteLevelBpe> create(const TokenizerData& data, const Vocabulary& vocabulary,
                                     bool ignore_merges);

  // Appends the ids of one pre-tokenised piece; when stop is due, those of what was merged so far.
  // REQUIRES: `vocabulary` is the one given to create
  void encode(std::string_view piece, const Vocabulary& vocabulary, MergeScratch& scratch,
              std::vector<std::int32_t>& ids, Stop& stop) const;

 private:
  std::array<std::int32_t, 256> symbol_of_byte_{};  // the byte's token, or kNoToken
  MergeTable merges_;
  std::optional<std::int32_t> unknown_;
  bool ignore_merges_ = false;
};

}  // namespace verbatim
