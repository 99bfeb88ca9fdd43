// tokenizer.json and its companions in a Hugging Face folder -> TokenizerData.
//
// Two families of tokenizer.json are understood: byte-level BPE (a ByteLevel pre-tokenizer, with Split and
// Digits before it) and SentencePiece-style BPE (byte_fallback, with a Metaspace pre-tokenizer or Prepend
// and Replace normalizers). Any component outside them is refused by its key.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "load/json_file.h"
#include "load/tokenizer_data.h"

namespace verbatim {

// The content of tokenizer.json alone. where: the file's path, for error sentences
Result<TokenizerData> read_tokenizer_json(const Json& json, const std::string& where);

// The folder's tokenizer: tokenizer.json with the special tokens, template and stop ids of the other files.
//   config: config.json or an empty object; vocab_size: rows of the embedding, 0 when there is no model
Result<TokenizerData> hugging_face_tokenizer(const std::string& folder, const Json& config,
                                             std::int64_t vocab_size);

}  // namespace verbatim
