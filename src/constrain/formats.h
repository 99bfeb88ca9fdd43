// The values of `format` that are enforced, as regular expressions.
#pragma once

#include <string>
#include <string_view>

namespace verbatim {

// nullptr: the format is not supported.
const std::string* pattern_of_format(std::string_view format);

// "date, date-time, ..."
std::string supported_formats();

}  // namespace verbatim
