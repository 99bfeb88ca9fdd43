// Any bytes as a results file of an audit: an error, or results that write themselves as they were read, and that
// can be judged unless they are of no plan.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "audit/compare.h"
#include "audit/record.h"
#include "audit/text_report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace verbatim::audit;
  auto results = parse_results(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!results.ok()) return 0;
  std::string text = to_line(results->header);
  for (const Record& record : results->records) text += to_line(record);
  auto again = parse_results(text);
  if (!again.ok() || again->records.size() != results->records.size() || again->cut_short) std::abort();
  for (std::size_t i = 0; i < again->records.size(); ++i) {
    if (to_line(again->records[i]) != to_line(results->records[i])) std::abort();
  }
  Comparison comparison = compare(*results, *again);
  if (comparison.only_a != 0 || comparison.only_b != 0) std::abort();
  if (results->header.shape.repeat > 1000 || results->header.shape.prompt.size() > 1000)
    return 0;  // a large plan
  auto findings = analyse(*results);
  if (findings.ok()) to_text(*results, *findings, judge(*findings, {}));
  return 0;
}
