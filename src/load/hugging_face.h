// A Hugging Face model folder -> Checkpoint.
//
//   config.json               the configuration (hf_config.h); absent in a folder that holds a tokenizer only
//   model.safetensors, or model.safetensors.index.json and the shards it names
//   tokenizer.json, tokenizer_config.json, chat_template.jinja     the vocabulary (hf_tokenizer.h)
//   generation_config.json    the tokens that end a generation, and what is suggested for drawing
//
// Anything that would change the model's arithmetic or its tokens and is not supported is refused
// by file and key.
#pragma once

#include <string>

#include "base/result.h"
#include "load/checkpoint.h"

namespace verbatim {

Result<Checkpoint> open_hugging_face(const std::string& folder);

}  // namespace verbatim
