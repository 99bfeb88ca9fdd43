// The parser: template source to its tree (Jinja2's grammar, jinja2/parser.py).
#pragma once

#include <string_view>

#include "jinja/tree.h"

namespace verbatim::jinja {

// Raises, with the line and the construct, on what is not Jinja and on what this engine does not support.
// REQUIRES: source is well-formed UTF-8
Tree parse(std::string_view source);

}  // namespace verbatim::jinja
