// Findings as a report page (report/report.h): a section an experiment, its evidence in tables, answers as lanes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lab/finding.h"
#include "report/report.h"

namespace verbatim::lab {

// provenance: machine, backend, model, as the caller knows them
// command: that runs all experiments under the same conditions; the page adds which, for itself and for each section
report::Report to_report(std::span<const Finding> findings, std::vector<report::Fact> provenance,
                         const std::string& command);

}  // namespace verbatim::lab
