// The one file that is compiled with the tree's place, so that all others compile alike wherever it stands.
#include "source_path.h"

namespace verbatim {

std::string source_path(std::string_view relative) { return VERBATIM_SOURCE_DIR "/" + std::string(relative); }

}  // namespace verbatim
