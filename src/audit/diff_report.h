// A comparison of two results files as a report page: a section for each request that was answered differently.
#pragma once

#include <string>

#include "audit/compare.h"
#include "report/report.h"

namespace verbatim::audit {

struct ResultsOf {
  std::string path;
  const Results& results;
};

report::Report to_report(const Comparison& comparison, const Judgement& judgement, const ResultsOf& a,
                         const ResultsOf& b);

}  // namespace verbatim::audit
