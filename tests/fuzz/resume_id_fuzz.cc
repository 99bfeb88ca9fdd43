// Any bytes as a Last-Event-ID: an error, or an id that writes itself as it was read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "server/resume_id.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace verbatim::server;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto id = parse_resume_id(text);
  if (id.ok() && (id->text() != text || id->event < 0 || id->created < 0)) std::abort();
  return 0;
}
