// AddedTokens: the tokens that are found in text before it is split and merged: most in raw text; then, in what is left of
// it and was normalised, those that are marked as normalised, by their normalised texts.
//
// At each place the longest one wins, and the leftmost place goes first (as in Hugging Face's tokenizers,
// added_vocabulary.rs). Special tokens are found only when asked for; user-defined ones always. Immutable once made; safe
// to use from many threads.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "load/tokenizer_data.h"
#include "tokenizer/vocabulary.h"

namespace verbatim {

// A stretch of text, or the token that a stretch of it stands for.
struct TextSegment {
  std::string_view text;
  std::optional<std::int32_t> token;  // then `text` is what it took, stripped white space included
};

class AddedTokens {
 public:
  AddedTokens(const TokenizerData& data, const Vocabulary& vocabulary,
              const std::function<std::string(std::string_view)>& normalize);

  // The segments of text in order; joined, they are the text. No two neighbours are both plain text.
  std::vector<TextSegment> split(std::string_view text, bool parse_special) const {
    return raw_.split(text, parse_special);
  }
  // The same, of a plain segment that was normalised.
  std::vector<TextSegment> split_normalized(std::string_view text, bool parse_special) const {
    return normalized_.split(text, parse_special);
  }

 private:
  struct Entry {
    std::string text;
    std::int32_t id = 0;
    bool lstrip = false, rstrip = false;  // the token takes the white space on that side with it
  };

  // Entries by text, with a quick "no" for a byte that starts none of them.
  class Index {
   public:
    explicit Index(std::vector<Entry> entries);
    // The entry whose text is the longest prefix of `text`; nullptr: none is.
    const Entry* longest_prefix(std::string_view text) const;
    // The first place at or after `from` where an entry may start; text.size(): nowhere.
    std::size_t next_candidate(std::string_view text, std::size_t from) const;

   private:
    std::vector<Entry> entries_;  // sorted by text
    std::array<bool, 256> starts_entry_{};
  };

  struct Phase {
    std::vector<TextSegment> split(std::string_view text, bool parse_special) const;
    Index user_defined{{}}, all{{}};
  };
  Phase raw_, normalized_;
};

}  // namespace verbatim
