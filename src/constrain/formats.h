// The values of `format` that are enforced, as regular expressions. Others are annotations.
#pragma once

#include <string>
#include <string_view>

namespace verbatim {

// nullptr: the format is an annotation.
const std::string* pattern_of_format(std::string_view format);

}  // namespace verbatim
