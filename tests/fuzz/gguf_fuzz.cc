// Any bytes as a GGUF file: an error or a checkpoint whose every row can be read, never a crash.
#include <cstddef>
#include <cstdint>

#include "load/gguf_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace verbatim;
  Result<GgufFile> file = read_gguf({reinterpret_cast<const std::byte*>(data), size}, "input");
  if (!file) return 0;
  for (const auto& [key, value] : file->metadata) static_cast<void>(value.printable());
  for (const auto& [name, tensor] : file->tensors) {
    std::vector<float> row(static_cast<std::size_t>(tensor.columns));
    tensor.read_row(tensor.rows - 1, row.data());
  }
  static_cast<void>(gguf_tokenizer(*file).ok());
  static_cast<void>(gguf_checkpoint(*file).ok());
  return 0;
}
