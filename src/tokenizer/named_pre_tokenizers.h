// The pre-tokenizers that GGUF files name in tokenizer.ggml.pre, and what each name means.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "load/tokenizer_data.h"

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

// The name under which a GGUF file can state how `data` splits text: its own, or that of the row which does the
// same. The error says that none does. Empty for a kind that needs no name.
Result<std::string> pre_tokenizer_name(const TokenizerData& data);

}  // namespace verbatim
