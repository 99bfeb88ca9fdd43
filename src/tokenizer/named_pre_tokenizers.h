// The pre-tokenizers that GGUF files name in tokenizer.ggml.pre, and what each name means.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace verbatim {

struct NamedPreTokenizer {
  std::vector<std::string_view> names;
  std::vector<std::string> patterns;  // see pre_tokenizer.h
  bool ignore_merges = false;         // a whole piece that is a token is taken as it is
  bool add_bos = false;               // where the file does not say
  bool nfc = false;                   // text is first brought to Normalization Form C
};

std::span<const NamedPreTokenizer> named_pre_tokenizers();

// nullptr for an unknown name
const NamedPreTokenizer* find_pre_tokenizer(std::string_view name);

}  // namespace verbatim
