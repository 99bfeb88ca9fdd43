// Findings for people (text) and for programs (JSON).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "lab/finding.h"

namespace verbatim::lab {

// "SEEN", "NOT SEEN", "MISSING", "BROKEN"
const char* name_of(Verdict verdict);

// Claim, verdict and a table of the evidence; at most 110 columns where names are not longer.
std::string to_text(const Finding& finding);

// Floats of a difference as numbers and as hex bits. docs/lab.md lists the fields.
nlohmann::json to_json(const Finding& finding);

}  // namespace verbatim::lab
