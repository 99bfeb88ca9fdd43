// JSON text -> a tree. Every JSON text that enters the program comes this way: bodies, arguments of tools, schemas,
// receipts, files of models.
//
// Promises. The time is that of sorting the keys of each object, whatever the text holds. No tree is deeper than
// `depth`, so code that walks one may recurse. Refused, in one sentence: syntax errors, ill-formed UTF-8, a key that occurs
// twice in an object, and what is beyond the limits.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace verbatim {

struct JsonLimits {
  // Of arrays and objects in one another. A schema of 200 levels (docs/structured-output.md) stands in a body at twice
  // its depth.
  std::size_t depth = 512;
  std::size_t values = std::size_t{1} << 24;  // arrays and objects count as one each, beside what they hold
};

// The error begins with `where`.
Result<nlohmann::json> parse_json(std::string_view text, const std::string& where, JsonLimits limits = {});
// Keeps the order of keys.
Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text, const std::string& where,
                                                  JsonLimits limits = {});

}  // namespace verbatim
