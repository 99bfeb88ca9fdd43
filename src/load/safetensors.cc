#include "load/safetensors.h"

#include <cstring>

#include "load/dequantise.h"
#include "load/json_file.h"

namespace verbatim {
namespace {

constexpr std::uint64_t kMostHeaderBytes = 100'000'000;
// Their names in this format are those of dequantise.h.
constexpr DType kSupportedTypes[] = {DType::f32, DType::f16, DType::bf16};

Result<DType> dtype_named(const std::string& name, std::string_view tensor, const std::string& path) {
  for (DType type : kSupportedTypes) {
    if (name_of(type) == name) return type;
  }
  return fail("{}: tensor '{}' has dtype '{}', which is not supported (supported: F32, F16, BF16)", path,
              tensor, name);
}

// Rows and columns of a shape of one or two dimensions.
Status read_shape(const Json& shape, CheckpointTensor& tensor, const std::string& path) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 29;  // so that rows * columns * 4 cannot overflow
  if (!shape.is_array() || shape.empty() || shape.size() > 2) {
    return fail("{}: tensor '{}' has shape {}, not one or two dimensions", path, tensor.name, shape.dump());
  }
  for (const Json& size : shape) {
    if (!size.is_number_unsigned() || size.get<std::uint64_t>() == 0 || size.get<std::uint64_t>() > kMost) {
      return fail("{}: tensor '{}' has the impossible shape {}", path, tensor.name, shape.dump());
    }
  }
  tensor.rows = shape.size() == 2 ? shape[0].get<std::int64_t>() : 1;
  tensor.columns = shape.back().get<std::int64_t>();
  return {};
}

Result<CheckpointTensor> read_tensor(const std::string& name, const Json& entry,
                                     std::span<const std::byte> data, const std::string& path) {
  CheckpointTensor tensor;
  tensor.name = name;
  Status status;
  JsonKeys keys(entry, path, name + ".", status);
  Result<DType> type = dtype_named(keys.string("dtype").value_or(""), name, path);
  const Json *shape = keys.array("shape"), *offsets = keys.array("data_offsets");
  if (!status) return status.error();
  if (!type) return type.error();
  if (shape == nullptr || offsets == nullptr)
    return fail("{}: tensor '{}' lacks shape or data_offsets", path, name);
  if (Status read = read_shape(*shape, tensor, path); !read) return read.error();
  tensor.type = *type;
  tensor.bytes = tensor.rows * row_bytes(tensor.type, tensor.columns);
  if (offsets->size() != 2 || !offsets->front().is_number_unsigned() ||
      !offsets->back().is_number_unsigned()) {
    return fail("{}: tensor '{}' has data_offsets {}, not two offsets", path, name, offsets->dump());
  }
  auto begin = offsets->front().get<std::uint64_t>(), end = offsets->back().get<std::uint64_t>();
  if (begin > end || end > data.size() || end - begin != static_cast<std::uint64_t>(tensor.bytes)) {
    return fail("{}: tensor '{}' needs {} bytes, but its data_offsets [{}, {}) are of {} bytes of data", path,
                name, tensor.bytes, begin, end, data.size());
  }
  tensor.data = data.data() + begin;
  return tensor;
}

}  // namespace

Result<SafetensorsFile> read_safetensors(std::span<const std::byte> bytes, const std::string& path) {
  std::uint64_t header_bytes = 0;
  if (bytes.size() < sizeof header_bytes) return fail("{}: too short for a safetensors file", path);
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > kMostHeaderBytes || header_bytes > bytes.size() - sizeof header_bytes) {
    return fail("{}: offset 0: a header of {} bytes does not fit", path, header_bytes);
  }
  SafetensorsFile file;
  file.data_offset = sizeof header_bytes + header_bytes;
  std::span<const std::byte> text = bytes.subspan(sizeof header_bytes, header_bytes),
                             data = bytes.subspan(file.data_offset);
  Result<Json> header = parse_json({reinterpret_cast<const char*>(text.data()), text.size()}, path);
  if (!header) return header.error();
  if (!header->is_object()) return fail("{}: its header is not a JSON object", path);
  for (const auto& [name, entry] : header->items()) {
    if (name == "__metadata__") continue;
    Result<CheckpointTensor> tensor = read_tensor(name, entry, data, path);
    if (!tensor) return tensor.error();
    file.tensors.emplace(name, *std::move(tensor));
  }
  return file;
}

}  // namespace verbatim
