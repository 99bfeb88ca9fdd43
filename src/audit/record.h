// What an audit leaves behind: a file of JSON lines (docs/audit.md has them as a table). The first is the Header,
// every other a Record. An interrupted audit goes on with the same file.
//
// Of two records with one index the later stands: requests that failed are asked again when an audit goes on.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "audit/answer.h"
#include "audit/dialect.h"
#include "audit/plan.h"
#include "base/result.h"

namespace verbatim::audit {

struct Header {
  std::string url;  // as Url::text() has it; no key is ever part of it
  AuditShape shape;
  Dialect dialect;
};

struct Record {
  std::size_t index = 0;  // in the plan
  Condition condition;
  bool probe = false;
  Request request;

  int status = 0;                    // HTTP; 0: none came
  std::string error_kind, error;     // a kind to count by, a sentence; empty: it was answered whole
  std::vector<std::string> retried;  // kinds of the failures before
  double sent_at = 0;                // seconds since 1970
  double first = 0, done = 0;        // seconds after that: the first piece of the answer, its end
  std::int64_t in_flight =
      0;  // most requests that were under way at a time during this one, itself among them
  std::int64_t generating = 0;  // ... whose answers had begun and not ended; 0: not streamed
  Answer answer;

  bool good() const { return error_kind.empty(); }
};

std::string to_line(const Header& header);  // with the newline
std::string to_line(const Record& record);
Result<Header> header_of(std::string_view line);
Result<Record> record_of(std::string_view line);

struct Results {
  Header header;
  std::vector<Record> records;  // by index
  std::size_t whole_bytes = 0;  // what to keep of the text when more is to be written: no line cut short
  bool cut_short = false;       // the last line was, and is not among the records
};

// Errors name the line.
Result<Results> parse_results(std::string_view text);
Result<Results> read_results(const std::string& path);

}  // namespace verbatim::audit
