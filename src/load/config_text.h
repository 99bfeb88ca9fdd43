// The one spelling of a configuration that fingerprints and cache keys are made of: a "name=value" line for each number that is
// not its default, floats in hexadecimal. So a default never changes, and a field that is new renames no model.
#pragma once

#include <string>

#include "model/model_config.h"

namespace verbatim {

std::string canonical_text(const ModelConfig& config);

}  // namespace verbatim
