// Any bytes as a safetensors file, and as a config.json: an error or a value, never a crash.
#include <cstddef>
#include <cstdint>

#include "load/hf_config.h"
#include "load/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace verbatim;
  Result<SafetensorsFile> file = read_safetensors({reinterpret_cast<const std::byte*>(data), size}, "input");
  if (file.ok()) {
    for (const auto& [name, tensor] : file->tensors) {
      std::vector<float> row(static_cast<std::size_t>(tensor.columns));
      tensor.read_row(tensor.rows - 1, row.data());
    }
  }
  Result<Json> config = parse_json({reinterpret_cast<const char*>(data), size}, "input");
  if (config.ok()) static_cast<void>(hugging_face_config(*config, "input").ok());
  return 0;
}
