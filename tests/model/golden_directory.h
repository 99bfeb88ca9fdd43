// Where the goldens lie: models, and what independent implementations made of them (tools/goldens).
#pragma once

#include <string>

namespace verbatim {

inline const std::string kGoldenDirectory = VERBATIM_SOURCE_DIR "/tests/model/golden/";

}  // namespace verbatim
