// What a GGUF file says about a configuration and a vocabulary: the inverse of gguf_config and gguf_tokenizer
// (gguf_model.h). What is written reads back equal; what GGUF cannot state is refused, never left out.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "load/gguf_writer.h"
#include "load/tokenizer_data.h"
#include "model/model_config.h"

namespace verbatim {

// general.architecture and the keys below its name. where: begins the sentence of an error
Result<GgufMetadata> config_metadata(const ModelConfig& config, std::string_view where);

// (head_dim / 2) The tensor rope_freqs.weight, by which GGUF states Llama 3.1's scaling; empty for models that
// have none. Made from the scaling's parameters it is rounded to float32; read from a file it is exact.
std::vector<float> frequency_factors(const ModelConfig& config);

// The tokenizer.* keys.
// REQUIRES: data.pre_regex is empty: GGUF has names for splitting, not patterns (tokenizer/named_pre_tokenizers.h)
Result<GgufMetadata> tokenizer_metadata(const TokenizerData& data, std::string_view where);

}  // namespace verbatim
