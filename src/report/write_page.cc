#include <cerrno>
#include <cstring>
#include <fstream>

#include "report/report.h"

namespace verbatim::report {

std::string shell_quoted(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

Status write_page(const std::string& path, const Report& report) {
  std::ofstream page(path, std::ios::binary);
  page << render_html(report);
  if (!page.flush()) return fail("{}: cannot be written: {}", path, std::strerror(errno));
  return {};
}

}  // namespace verbatim::report
