// String literals, with the escapes of Python's "unicode-escape" codec, which Jinja reads them with.
#pragma once

#include <string>
#include <string_view>

namespace verbatim::jinja {

// body: between the quotes. Raises with `line` on a broken escape, \N{...} and surrogates.
std::string unescape_string(std::string_view body, int line);

}  // namespace verbatim::jinja
