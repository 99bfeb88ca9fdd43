// SseReader: the bytes of an event stream become the data of its events (HTML standard, section 9.2.6).
// Comments, ids and names of events are passed over: the APIs that we call put everything into the data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace verbatim::client {

class SseReader {
 public:
  // The data of the events that these bytes complete. They may be cut anywhere.
  std::vector<std::string> put(std::string_view bytes);

 private:
  std::string line_;  // not complete yet
  bool after_cr_ = false;
  std::string data_;  // of the event that is arriving
  bool has_data_ = false;
};

}  // namespace verbatim::client
