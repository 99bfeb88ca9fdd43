// Answers of an audit as lanes of a report page (report/report.h).
#pragma once

#include <span>
#include <vector>

#include "audit/record.h"
#include "report/report.h"

namespace verbatim::audit {

struct ShownRecord {
  const Record* record;
  std::string label;
  std::vector<report::Fact> conditions;
};

// Answers alike to the last bit, under the same conditions, share a lane, which has the label of the first. Lanes come in
// the order of their first answers.   in_tokens: else the words of the text are shown
std::vector<report::Lane> lanes_of(std::span<const ShownRecord> shown, bool in_tokens);

}  // namespace verbatim::audit
