// What the keys of a GGUF file say: GgufFile -> Checkpoint.
//
// Key names are those of ggml/docs/gguf.md and of llama.cpp's writers. A key that would change the model's
// arithmetic and is not supported is refused by name; keys that only describe the file are kept for
// `inspect`.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "load/checkpoint.h"
#include "load/gguf.h"

namespace verbatim {

// Opens a .gguf file: a model, or a vocabulary without tensors.
Result<Checkpoint> open_gguf(const std::string& path);
// One that is in memory. The checkpoint has neither `files` nor `identity`: the bytes must outlive it.
Result<Checkpoint> open_gguf(std::span<const std::byte> bytes, const std::string& name);

// The parts of it, likewise.
Result<Checkpoint> gguf_checkpoint(const GgufFile& file);
Result<ModelConfig> gguf_config(const GgufFile& file);  // REQUIRES: the file has tensors
Result<TokenizerData> gguf_tokenizer(const GgufFile& file);

// All ids that end a generation, instead of what the other keys and the spellings of tokens say. Not a key of the format:
// export_gguf writes it where they would say something else.
inline constexpr std::string_view kStopTokensKey = "verbatim.stop_token_ids";

}  // namespace verbatim
