// What the keys of a GGUF file say: GgufFile -> Checkpoint.
//
// Key names are those of ggml/docs/gguf.md and of llama.cpp's writers. A key that would change the model's
// arithmetic and is not supported is refused by name; keys that only describe the file are kept for
// `inspect`.
#pragma once

#include <string>

#include "base/result.h"
#include "load/checkpoint.h"
#include "load/gguf.h"

namespace verbatim {

// Opens a .gguf file: a model, or a vocabulary without tensors.
Result<Checkpoint> open_gguf(const std::string& path);

// The parts of it. A checkpoint made from a GgufFile has neither `storage` nor `identity`:
// the bytes must outlive it.
Result<Checkpoint> gguf_checkpoint(const GgufFile& file);
Result<ModelConfig> gguf_config(const GgufFile& file);  // REQUIRES: the file has tensors
Result<TokenizerData> gguf_tokenizer(const GgufFile& file);

}  // namespace verbatim
