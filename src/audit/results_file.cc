#include "audit/results_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace verbatim::audit {
namespace {

Error cannot_write(const std::string& path) {
  return fail("{}: cannot be written: {}", path, std::strerror(errno));
}

}  // namespace

Result<ResultsFile> ResultsFile::create(const std::string& path, const Header& header) {
  std::FILE* file = std::fopen(path.c_str(), "wbx");
  if (file == nullptr) return cannot_write(path);
  ResultsFile results(path, file);
  if (Status written = results.put(to_line(header)); !written) return written.error();
  return results;
}

Result<ResultsFile> ResultsFile::open(const std::string& path, const Results& results) {
  std::error_code error;
  std::filesystem::resize_file(path, results.whole_bytes, error);
  if (error) return fail("{}: cannot be written: {}", path, error.message());
  std::FILE* file = std::fopen(path.c_str(), "ab");
  if (file == nullptr) return cannot_write(path);
  return ResultsFile(path, file);
}

Status ResultsFile::write(const Record& record) { return put(to_line(record)); }

Status ResultsFile::put(const std::string& line) {
  bool written = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size();
  if (!written || std::fflush(file_.get()) != 0) return cannot_write(path_);
  return {};
}

Status check_resumable(const Results& results, const Server& server, const AuditShape& shape) {
  const Header& header = results.header;
  const Dialect& dialect = header.dialect;
  const std::string url = server.url.text();
  if (header.url != url) return fail("holds an audit of {}, not of {}", header.url, url);
  if (!server.model.empty() && dialect.model != server.model)
    return fail("holds an audit of the model {}, not of {}: name another file with --out", dialect.model,
                server.model);
  if (server.endpoint && dialect.endpoint != *server.endpoint)
    return fail("holds an audit of {}, not of {}: name another file with --out",
                client::path_of(dialect.endpoint), client::path_of(*server.endpoint));
  if (header.shape == shape) return {};
  // Where seeds turned out not to work, the temperatures above 0 were left out.
  if (!dialect.seed && header.shape == greedy_only(shape)) return {};
  return fail(
      "holds an audit with another plan (its first line says which): name another file with --out, or repeat "
      "its prompt, --max-tokens, --repeat, --concurrency, --temperature and --seed");
}

}  // namespace verbatim::audit
