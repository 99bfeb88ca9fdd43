// Files of the source tree, for tests: docs, goldens, and ../shared beside it where it is there.
#pragma once

#include <string>
#include <string_view>

namespace verbatim {

// relative: to the root of the source tree, such as "docs/numerics.md"
std::string source_path(std::string_view relative);

}  // namespace verbatim
