// ResultsFile: the results of an audit as they grow on disk. Every line is with the system when its call returns.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "audit/record.h"
#include "audit/run.h"

namespace verbatim::audit {

class ResultsFile {
 public:
  // A new file with this header.  Errors: it exists, or cannot be written.
  static Result<ResultsFile> create(const std::string& path, const Header& header);
  // Goes on with a file that holds `results`; a line cut short goes.
  static Result<ResultsFile> open(const std::string& path, const Results& results);

  Status write(const Record& record);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  ResultsFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  Status put(const std::string& line);

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

// Whether results can be gone on with: those of the same server, model, endpoint and shape, where these are named.
// Errors: what differs.
Status check_resumable(const Results& results, const Server& server, const AuditShape& shape);

}  // namespace verbatim::audit
