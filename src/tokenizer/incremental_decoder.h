// IncrementalDecoder: token ids in, text out as it becomes certain. Every piece is well-formed UTF-8.
//
// Invariant: the pieces joined, with flush() at the end, are Tokenizer::decode of all ids. A character whose
// bytes are not all there yet is held back, so at most three bytes wait at any time. One decoder serves one
// sequence of ids; not for two threads at once.
#pragma once

#include <cstdint>
#include <string>

#include "tokenizer/tokenizer.h"

namespace verbatim {

class IncrementalDecoder {
 public:
  // The tokenizer must outlive the decoder.
  explicit IncrementalDecoder(const Tokenizer& tokenizer, DecodeOptions options = {})
      : tokenizer_(&tokenizer), skip_special_(options.skip_special), at_start_(options.text_start) {}

  // The text that this id makes certain; may be empty.
  std::string push(std::int32_t id);
  // The rest: U+FFFD where the ids ended inside a character, else nothing.
  // The decoder then stands between characters.
  std::string flush();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_, at_start_;
  std::string held_;  // a cut-short character
};

}  // namespace verbatim
