// Findings as a report page (report/report.h): a section for each temperature, with every answer as a lane.
#pragma once

#include <string>

#include "audit/findings.h"
#include "audit/verdict.h"
#include "report/report.h"

namespace verbatim::audit {

// raw_data: the results file, as the page names it.
report::Report to_report(const Results& results, const Findings& findings, const Judgement& judgement,
                         const std::string& raw_data);

// The command that audits alike.
std::string replay_command(const Header& header);

}  // namespace verbatim::audit
