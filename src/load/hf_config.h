// config.json of a Hugging Face folder -> ModelConfig, by the meaning that transformers gives its keys
// (configuration_*.py and modeling_rope_utils.py of versions 4 and 5).
#pragma once

#include <string>

#include "base/result.h"
#include "load/json_file.h"
#include "model/model_config.h"

namespace verbatim {

// where: the file's path, for error sentences
Result<ModelConfig> hugging_face_config(const Json& config, const std::string& where);

}  // namespace verbatim
