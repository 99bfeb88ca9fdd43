// Values as Python's json.dumps writes them.
#pragma once

#include <optional>
#include <string>

#include "jinja/value.h"

namespace verbatim::jinja {

struct JsonStyle {
  bool ensure_ascii = false;          // the default that Hugging Face's tojson sets
  std::optional<std::string> indent;  // one level of it; nullopt: all on one line
  std::string item_separator = ", ", key_separator = ": ";
  bool sort_keys = false;
};

std::string to_json(const Value& value, const JsonStyle& style, Heap& heap);

}  // namespace verbatim::jinja
