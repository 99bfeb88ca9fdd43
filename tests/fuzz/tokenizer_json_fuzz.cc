// Any bytes as a tokenizer.json: an error or a vocabulary, never a crash.
#include <cstddef>
#include <cstdint>

#include "load/hf_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace verbatim;
  Result<Json> json = parse_json({reinterpret_cast<const char*>(data), size}, "input");
  if (json.ok()) static_cast<void>(read_tokenizer_json(*json, "input").ok());
  return 0;
}
