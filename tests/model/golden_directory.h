// Where the goldens lie: models, and what independent implementations made of them (tools/goldens).
#pragma once

#include <string>

#include "source_path.h"

namespace verbatim {

inline const std::string kGoldenDirectory = source_path("tests/model/golden/");

}  // namespace verbatim
