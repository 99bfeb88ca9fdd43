// What Python's str() and repr() write.
#pragma once

#include <string>
#include <string_view>

#include "jinja/value.h"

namespace verbatim::jinja {

std::string str(const Value& value, Heap& heap);   // "" for an undefined value
std::string repr(const Value& value, Heap& heap);  // "Undefined" for one
std::string quoted_text(std::string_view text);    // repr of text

}  // namespace verbatim::jinja
