// From a schema to a grammar of the JSON texts that satisfy it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "constrain/grammar.h"

namespace verbatim {

// The error names the schema or keyword by its JSON pointer, and what to change.
Result<Grammar> json_grammar(const nlohmann::ordered_json& schema);

}  // namespace verbatim
