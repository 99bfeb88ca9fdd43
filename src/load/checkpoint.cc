#include "load/checkpoint.h"

#include <filesystem>

#include "base/check.h"
#include "load/dequantise.h"
#include "load/gguf_model.h"
#include "load/hugging_face.h"
#include "load/mapped_file.h"

namespace verbatim {

void CheckpointTensor::read_row(std::int64_t row, float* out) const {
  CHECK(row >= 0 && row < rows, "row {} of tensor '{}' with {} rows", row, name, rows);
  const DTypeInfo& info = info_of(type);
  info.dequantise(data + row * row_bytes(type, columns), columns / info.block_elements, out);
}

Status Checkpoint::check_unchanged() const {
  for (const auto& file : files)
    if (!file->is_unchanged()) return fail("{}: changed while it was read; start again", file->path());
  return {};
}

void Checkpoint::prefetch(const CheckpointTensor& tensor) const { prefetch_pages(tensor.data, tensor.bytes); }

void Checkpoint::forget(const CheckpointTensor& tensor) const { forget_pages(tensor.data, tensor.bytes); }

Result<Checkpoint> open_checkpoint(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? open_hugging_face(path) : open_gguf(path);
}

}  // namespace verbatim
