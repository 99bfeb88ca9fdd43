// From a schema to a grammar of the JSON texts that satisfy it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "constrain/grammar.h"

namespace verbatim {

// A schema; or a list of forms, of which the text has one:
//   [{"before": text, "schema": schema, "object": bool, "after": text}, ...]
// a text, JSON that satisfies the schema, and a text. Each schema is a document of its own: "#" is its root.
// "object": the JSON is an object even if the schema allows more. Without "before", "schema" or "after", nothing is
// there.
// The error names the schema (in a list by its index) or keyword by its JSON pointer, and what to change.
Result<Grammar> json_grammar(const nlohmann::ordered_json& schema);

}  // namespace verbatim
