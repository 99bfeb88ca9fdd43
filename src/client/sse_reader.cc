#include "client/sse_reader.h"

#include <utility>

namespace verbatim::client {

// A line ends in CR LF, LF or CR; an empty one ends the event.
std::vector<std::string> SseReader::put(std::string_view bytes) {
  std::vector<std::string> events;
  for (char c : bytes) {
    if (std::exchange(after_cr_, c == '\r') && c == '\n') continue;
    if (c != '\r' && c != '\n') {
      line_ += c;
      continue;
    }
    std::string line = std::exchange(line_, {});
    if (line.empty()) {
      if (std::exchange(has_data_, false)) events.push_back(std::exchange(data_, {}));
    } else if (line.starts_with("data:")) {
      if (has_data_) data_ += '\n';
      data_.append(line, line.starts_with("data: ") ? 6 : 5);
      has_data_ = true;
    }
  }
  return events;
}

}  // namespace verbatim::client
