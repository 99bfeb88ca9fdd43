// JSON of model folders.
#pragma once

#include <string>

#include "json/keys.h"
#include "json/reader.h"

namespace verbatim {

// A file of at most 256 MiB.
Result<Json> read_json_file(const std::string& path);
// Likewise; no file is an empty object.
Result<Json> read_json_if_present(const std::string& path);

}  // namespace verbatim
